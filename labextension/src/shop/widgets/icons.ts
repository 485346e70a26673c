/** The pictures of ZApps. */

import { LabIcon } from '@jupyterlab/ui-components';
import { zoeIcon } from '../../kit/widgets/icons';

const SVG = 'http://www.w3.org/2000/svg';
const ELEMENTS = new Set('svg g path rect circle ellipse line polyline polygon title desc'.split(' '));
const ATTRIBUTES = new Set(
  (
    'class cx cy d fill fill-opacity fill-rule height opacity points r rx ry stroke stroke-dasharray' +
    ' stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width transform' +
    ' version viewBox width x x1 x2 y y1 y2'
  ).split(' ')
);

const own = new Map<string, LabIcon>();

/** The icon of a ZApp: its own picture if it has one, otherwise Zoe's. */
export function zappIcon(name: string, svg: string): LabIcon {
  let found = own.get(svg);
  if (!found) {
    found = isPlain(svg) ? new LabIcon({ name: `jupyter-zoe:zapp-${name}-${own.size}`, svgstr: svg }) : zoeIcon;
    own.set(svg, found);
  }
  return found;
}

/**
 * Whether a picture is nothing but shapes: it becomes part of the page. The hub has looked, with the same lists
 * (`zoe_hub/catalog/icon.py`); the page does not rely on it.
 */
export function isPlain(svg: string): boolean {
  // Declarations and CDATA mean something else to the parser below than to the page's own.
  if (!svg.trimStart().startsWith('<svg') || /<[!?]/.test(svg)) {
    return false;
  }
  const document = new DOMParser().parseFromString(svg, 'image/svg+xml');
  return [...document.querySelectorAll('*')].every(
    element =>
      element.namespaceURI === SVG &&
      ELEMENTS.has(element.tagName) &&
      [...element.attributes].every(({ name, value }) => isPlainAttribute(name, value))
  );
}

function isPlainAttribute(name: string, value: string): boolean {
  if (name === 'xmlns') {
    return value === SVG;
  }
  const words = name === 'class' ? value.split(/\s+/).filter(Boolean) : [value];
  const allowed = name === 'class' ? /^jp-icon[a-z0-9-]*$/ : /^(?!.*url)[-A-Za-z0-9#.,()%+ \t\n]*$/is;
  return ATTRIBUTES.has(name) && words.every(word => allowed.test(word));
}
