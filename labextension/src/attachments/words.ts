/** What a notebook is attached to, in few words. Pure; used by the status bar and the toolbar. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IExecutionView, IGroupView } from '../api/types';
import { scalable } from '../kit/executions';
import { phaseWords } from '../kit/words/words';
import type { IAttachmentRow, INotebookInfo } from './tokens';

/** How many workers a cluster has: `3 workers`, or `2 of 3 workers` while some are missing; empty if it has no size. */
export function sizeWords(execution: IExecutionView, trans: TranslationBundle): string {
  return scalable(execution)
    .map(group => groupWords(group, trans))
    .join(', ');
}

function groupWords({ name, ready, count }: IGroupView, trans: TranslationBundle): string {
  if (name !== 'worker') {
    return ready === count ? `${count} ${name}` : trans.__('%1 of %2 %3', ready, count, name);
  }
  return ready === count
    ? trans._n('%1 worker', '%1 workers', count)
    : trans._n('%2 of %1 worker', '%2 of %1 workers', count, ready);
}

/** What a notebook is attached to: name, size, and the phase unless it simply runs. */
export function clusterWords(execution: IExecutionView, trans: TranslationBundle): string {
  const phase = execution.phase === 'running' ? '' : phaseWords(execution, trans);
  return [execution.name, sizeWords(execution, trans), phase].filter(Boolean).join(' · ');
}

/** Who else is attached to an execution, in few words. */
export function holderWords({ kind, key, gone }: IAttachmentRow, trans: TranslationBundle): string {
  const words = kind === 'notebook' ? key.slice(key.lastIndexOf('/') + 1) : kindWords(kind, trans);
  return gone === null ? words : trans.__('%1 (gone)', words);
}

function kindWords(kind: Exclude<IAttachmentRow['kind'], 'notebook'>, trans: TranslationBundle): string {
  switch (kind) {
    case 'console':
      return trans.__('a console');
    case 'terminal':
      return trans.__('a terminal');
    case 'script':
      return trans.__('a script');
    case 'batch':
      return trans.__('a batch run');
    case 'editor':
      return trans.__('an editor');
  }
}

/** What is being done to a notebook. */
export function taskWords({ verb, report }: NonNullable<INotebookInfo['task']>, trans: TranslationBundle): string {
  const name = report?.execution?.name;
  if (verb === 'detach') {
    return name ? trans.__('Detaching from %1…', name) : trans.__('Detaching…');
  }
  return name ? trans.__('Attaching to %1…', name) : trans.__('Attaching…');
}
