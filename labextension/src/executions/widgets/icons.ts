/** An icon for each state, so that no state is told by colour alone. */

import type { LabIcon } from '@jupyterlab/ui-components';
import type { IExecutionView } from '../../api/types';
import { icon } from '../../kit/widgets/icons';

const ring = '<circle class="jp-zoe-stroke" cx="8" cy="8" r="6.2" fill="none" stroke-width="1.4"/>';
const line = 'class="jp-zoe-stroke" fill="none" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"';

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
