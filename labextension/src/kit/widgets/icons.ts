/** Zoe's sign, and how icons are made. */

import { LabIcon } from '@jupyterlab/ui-components';

/** An icon of 16 by 16 units. */
export function icon(name: string, body: string): LabIcon {
  const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">${body}</svg>`;
  return new LabIcon({ name: `jupyter-zoe:${name}`, svgstr });
}

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
