/** What went wrong, in the reader's language. Pure; used wherever a problem is shown. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ZoeProblem } from '../../api/problem';

/** A problem in words. */
export interface IProblemWords {
  readonly message: string;
  /** What to do about it; may be empty. */
  readonly remedy: string;
}

/** Problems that arise in the page itself, by their code. The hub words its own. */
const OWN: Readonly<Record<string, (problem: ZoeProblem, trans: TranslationBundle) => IProblemWords>> = {
  'server-unreachable': (_, trans) => ({
    message: trans.__('The Jupyter server does not answer.'),
    remedy: trans.__('Check that it runs and that you are online; the connection is tried again by itself.')
  }),
  'extension-missing': (_, trans) => ({
    message: trans.__('The Jupyter server does not know Zoe.'),
    remedy: trans.__("Run 'jupyter server extension enable jupyter_zoe' and start JupyterLab again.")
  }),
  'page-needs-origin': (_, trans) => ({
    message: trans.__(
      'This page needs an origin of its own, and this browser reaches none; it does not work in the sandbox.'
    ),
    remedy: trans.__(
      'An admin can provide one (pages_origin, pages_port) or let it act as you (trusted_frameworks of the hub).'
    )
  }),
  'no-problem': ({ status, title }, trans) => ({
    message: trans.__('The server answered %1 %2.', status, title),
    remedy: ''
  })
};

/** A problem in words; an incident of the hub, by which its admin finds more, stands behind the message. */
export function problemWords(problem: ZoeProblem, trans: TranslationBundle): IProblemWords {
  const words = OWN[problem.code]?.(problem, trans) ?? problem;
  const incident = problem.incident ? ` (${trans.__('incident %1', problem.incident)})` : '';
  return { message: words.message + incident, remedy: words.remedy };
}
