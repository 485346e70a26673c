/** Why something is as it is, in the reader's language. Pure; used wherever a reason is shown. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { REASONS } from '../../api/reasons';
import type { FactKind, IFacts } from '../../api/reasons';
import type { IReasonView } from '../../api/types';
import { strip } from './ansi';

/** A reason in one line; in the hub's words if its code or its facts are those of another version. */
export function reasonWords(reason: IReasonView, trans: TranslationBundle): string {
  const facts = new Facts(reason, trans);
  const worded = Object.hasOwn(REASONS, reason.code) ? REASONS[reason.code] : undefined;
  const words = worded?.(trans, facts);
  return strip(words !== undefined && facts.isComplete ? words : reason.words);
}

/** A reason with the program's output that shows it, of that at most the last `most` lines. */
export function reasonLines(reason: IReasonView, trans: TranslationBundle, most = Infinity): string {
  const tail = most > 0 ? reason.tail.slice(-most) : [];
  return [reasonWords(reason, trans), ...tail.map(strip)].join('\n');
}

/** The facts of one reason. */
class Facts implements IFacts {
  constructor(
    private readonly _reason: IReasonView,
    private readonly _trans: TranslationBundle
  ) {}

  /** Whether everything that was asked for was there. */
  isComplete = true;

  count(name: string): number {
    const fact: unknown = this._reason.facts[name];
    return typeof fact === 'number' ? fact : this._lacks(0);
  }

  words(name: string, kind: FactKind): string {
    const fact: unknown = this._reason.facts[name];
    switch (kind) {
      case 'text':
        return typeof fact === 'string' ? fact : this._lacks('');
      case 'number':
        return String(this._rounded(this.count(name)));
      case 'seconds':
        return this._trans.__('%1 s', this._rounded(this.count(name)));
      case 'memory':
        return this._memory(this.count(name));
      case 'texts':
        return Array.isArray(fact) ? fact.map(String).join(', ') : this._lacks('');
      case 'reason':
        return isReason(fact) ? reasonWords(fact, this._trans) : this._lacks('');
      case 'reasons':
        return Array.isArray(fact) && fact.every(isReason)
          ? fact.map(each => reasonWords(each, this._trans)).join(', ')
          : this._lacks('');
    }
  }

  private _rounded(value: number): number {
    return Number(value.toPrecision(6));
  }

  private _memory(bytes: number): string {
    return bytes >= 2 ** 30
      ? this._trans.__('%1 GiB', (bytes / 2 ** 30).toFixed(1))
      : this._trans.__('%1 MiB', Math.round(bytes / 2 ** 20));
  }

  private _lacks<T>(instead: T): T {
    this.isComplete = false;
    return instead;
  }
}

function isReason(fact: unknown): fact is IReasonView {
  return typeof fact === 'object' && fact !== null && 'code' in fact && 'facts' in fact && 'words' in fact;
}
