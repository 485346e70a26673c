/** The pictures of ZApps. */

import { LabIcon } from '@jupyterlab/ui-components';
import { zoeIcon } from '../../kit/widgets/icons';

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
