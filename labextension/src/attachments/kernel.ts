/** Runs a line of `%zoe` in a kernel and understands what it says. Used by the notebook link. */

import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ZoeProblem } from '../api/problem';
import { strip } from '../kit/words/ansi';

/** Characters of a line of progress, and of what went wrong, that the panel shows. */
const LINE = 500;
const FAILURE = 2000;

/** Zoe's own errors are sentences; others are known by their name. */
const OWN_ERRORS = ['ZoeError', 'UsageError'];

/** Run a line. `onProgress` is told the last line that it said. Rejects with a `ZoeProblem`. */
export async function runLine(
  kernel: Kernel.IKernelConnection,
  code: string,
  onProgress: (line: string) => void,
  trans: TranslationBundle
): Promise<void> {
  const future = kernel.requestExecute({ code, store_history: false, allow_stdin: false, stop_on_error: false });
  let errors = '';
  let failure = '';
  let progress = '';
  future.onIOPub = message => {
    const said = saidBy(message);
    if (said === null) {
      return;
    }
    if (said.kind === 'error') {
      failure = said.text;
    } else if (said.kind === 'stderr') {
      errors += said.text;
    }
    const line = said.text.trimEnd().split('\n').pop()?.trim();
    if (line) {
      progress = line.slice(0, LINE);
      onProgress(progress);
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
  if (status === 'error' || failure) {
    const detail = errors.trim() || failure || progress || trans.__('The kernel reported an error.');
    throw new ZoeProblem({ code: 'kernel-error', detail: detail.slice(-FAILURE) });
  }
}

/** What a message of the kernel says in plain text. */
function saidBy(message: KernelMessage.IIOPubMessage): { kind: 'text' | 'stderr' | 'error'; text: string } | null {
  const content = message.content as Record<string, unknown>;
  switch (message.header.msg_type) {
    case 'stream':
      return { kind: content.name === 'stderr' ? 'stderr' : 'text', text: strip(String(content.text)) };
    case 'display_data':
    case 'update_display_data':
    case 'execute_result': {
      const text = (content.data as Record<string, unknown> | undefined)?.['text/plain'];
      return typeof text === 'string' ? { kind: 'text', text: strip(text) } : null;
    }
    case 'error': {
      const [name, words] = [String(content.ename), String(content.evalue)];
      return { kind: 'error', text: strip(OWN_ERRORS.includes(name) ? words : `${name}: ${words}`) };
    }
    default:
      return null;
  }
}
