/** Icons of the log viewer's toolbar. */

import { icon } from '../../kit/widgets/icons';

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
