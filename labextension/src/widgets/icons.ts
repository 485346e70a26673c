/** Zoe's icons: its sign, and one for each state, so that no state is told by colour alone. */

import { LabIcon } from '@jupyterlab/ui-components';
import type { IExecutionView } from '../api/types';

function icon(name: string, body: string): LabIcon {
  const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">${body}</svg>`;
  return new LabIcon({ name: `jupyter-zoe:${name}`, svgstr });
}

const ring = '<circle class="jp-zoe-stroke" cx="8" cy="8" r="6.2" fill="none" stroke-width="1.4"/>';
const line = 'class="jp-zoe-stroke" fill="none" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"';

/** A Z of four connected processes. */
export const zoeIcon = new LabIcon({
  name: 'jupyter-zoe:zoe',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">
    <path class="jp-icon3 jp-icon-selectable" fill="#616161"
      d="M3.2 2.4h9.6a.8.8 0 0 1 .6 1.3L5.3 12h7.5a.8.8 0 0 1 0 1.6H3.2a.8.8 0 0 1-.6-1.3
         L10.7 4H3.2a.8.8 0 0 1 0-1.6z"/>
    <g class="jp-icon3 jp-icon-selectable" fill="#616161">
      <circle cx="3" cy="3.2" r="2.2"/><circle cx="13" cy="3.2" r="2.2"/>
      <circle cx="3" cy="12.8" r="2.2"/><circle cx="13" cy="12.8" r="2.2"/>
    </g>
  </svg>`
});

const icons = {
  queued: icon('queued', `${ring}<path ${line} d="M8 4.6V8l2.3 1.6"/>`),
  starting: icon('starting', `<path ${line} d="M8 1.8a6.2 6.2 0 1 1-6.2 6.2"/>`),
  running: icon('running', `${ring}<path class="jp-zoe-fill" d="M6.3 5v6l4.8-3z"/>`),
  stopping: icon('stopping', `${ring}<rect class="jp-zoe-fill" x="5.4" y="5.4" width="5.2" height="5.2" rx=".6"/>`),
  completed: icon('completed', `${ring}<path ${line} d="m5.2 8.2 2 2 3.7-4.2"/>`),
  failed: icon('failed', `${ring}<path ${line} d="m5.8 5.8 4.4 4.4m0-4.4-4.4 4.4"/>`),
  cancelled: icon('cancelled', `${ring}<path ${line} d="M5.2 8h5.6"/>`),
  lost: icon('lost', `${ring}<path ${line} d="M6.3 6.5c0-2.4 3.5-2.2 3.5-.1 0 1.4-1.8 1.4-1.8 2.8m0 1.9v.1"/>`)
};

/** A minus, to stand beside JupyterLab's plus. */
export const lessIcon = icon('less', '<path class="jp-icon3" fill="#616161" d="M3 7.2h10v1.6H3z"/>');

/** To the end of the output. */
export const bottomIcon = icon(
  'bottom',
  '<path class="jp-icon3" fill="#616161" ' +
    'd="M7.2 2.5h1.6v6l2.3-2.3 1.1 1.1L8 11.5 3.8 7.3l1.1-1.1 2.3 2.3zM3 12.5h10V14H3z"/>'
);

/** Break long lines. */
export const wrapIcon = icon(
  'wrap',
  '<path class="jp-icon3" fill="#616161" ' +
    'd="M2 3h12v1.5H2zm0 4h9.5a2.75 2.75 0 0 1 0 5.5H9.7v1.7' +
    'L6.5 11.8l3.2-2.4V11h1.8a1.25 1.25 0 0 0 0-2.5H2zm0 4.2h3v1.5H2z"/>'
);

/** The state that an icon and a colour are chosen by. */
export type Look = keyof typeof icons;

/** How an execution looks. */
export function look(execution: IExecutionView): Look {
  return execution.phase === 'ended' ? (execution.outcome ?? 'lost') : execution.phase;
}

/** The icon of a state. */
export function lookIcon(state: Look): LabIcon {
  return icons[state];
}

const own = new Map<string, LabIcon>();

/** The icon of a ZApp: its own picture if it has one, otherwise Zoe's. */
export function zappIcon(name: string, svg: string): LabIcon {
  if (!isHarmless(svg)) {
    return zoeIcon;
  }
  const key = `${name}:${svg.length}`;
  let found = own.get(key);
  if (!found) {
    found = new LabIcon({ name: `jupyter-zoe:zapp-${key}`, svgstr: svg });
    own.set(key, found);
  }
  return found;
}

/** Definitions are the admin's, but a picture is still no place for a script. */
function isHarmless(svg: string): boolean {
  // Declarations and CDATA mean something else to the parser below than to the page's own.
  if (!svg.trimStart().startsWith('<svg') || /<[!?]/.test(svg)) {
    return false;
  }
  const document = new DOMParser().parseFromString(svg, 'image/svg+xml');
  if (document.querySelector('parsererror, script, foreignObject, style, iframe, image, use, a, animate, set')) {
    return false;
  }
  return [...document.querySelectorAll('*')].every(element =>
    [...element.attributes].every(
      ({ name, value }) =>
        !/^on/i.test(name) && !/(javascript|data|https?):/i.test(name.startsWith('xmlns') ? '' : value)
    )
  );
}
