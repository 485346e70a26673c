/** Runs a line of `%zoe` in a kernel and reads what it reports. Used by the notebook's model. */

import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ZoeProblem } from '../api/problem';
import { strip } from '../kit/words/ansi';
import type { IReport } from './report';
import { reportIn } from './report';

/** Characters of a kernel's own error that the panel shows. */
const FAILURE = 2000;

/** Zoe's own errors are sentences; others are known by their name. */
const OWN_ERRORS = ['ZoeMagicError', 'UsageError'];

/** Run a line. `onReport` is told how far it is. Rejects with a `ZoeProblem`. */
export async function runLine(
  kernel: Kernel.IKernelConnection,
  code: string,
  onReport: (report: IReport) => void,
  trans: TranslationBundle
): Promise<void> {
  const future = kernel.requestExecute({ code, store_history: false, allow_stdin: false, stop_on_error: false });
  const told: { printed: string; raised: string; problem: ZoeProblem | null } = {
    printed: '',
    raised: '',
    problem: null
  };
  future.onIOPub = ({ header, content }) => {
    const said = content as Record<string, unknown>;
    switch (header.msg_type) {
      case 'display_data':
      case 'update_display_data': {
        const report = reportIn(said.data);
        if (report) {
          told.problem = report.problem;
          onReport(report);
        }
        break;
      }
      case 'stream':
        told.printed += said.name === 'stderr' ? strip(String(said.text)) : '';
        break;
      case 'error': {
        const [name, words] = [String(said.ename), String(said.evalue)];
        told.raised = strip(OWN_ERRORS.includes(name) ? words : `${name}: ${words}`);
        break;
      }
    }
  };
  // Undefined if the connection was disposed of meanwhile, which the types do not say.
  const reply = (await future.done) as KernelMessage.IExecuteReplyMsg | undefined;
  const status = reply?.content.status;
  if (status === undefined || status === 'aborted') {
    throw new ZoeProblem({
      code: 'kernel-gone',
      detail: trans.__('The kernel was interrupted or restarted.'),
      remedy: trans.__('Try again.')
    });
  }
  if (told.problem) {
    throw told.problem;
  }
  if (status === 'error' || told.raised) {
    // It failed before it had anything to report, such as a kernel without Zoe.
    const detail = told.printed.trim() || told.raised || trans.__('The kernel reported an error.');
    throw new ZoeProblem({ code: 'kernel-error', detail: detail.slice(-FAILURE) });
  }
}
