/* eslint-disable */
// Generated from the hub's table of reasons by 'python -m zoe_hub.contract.generate'. Do not edit.

import type { TranslationBundle } from '@jupyterlab/translation';

/** What a fact is, and so how it is worded: `memory` are bytes, `texts` and `reasons` are lists. */
export type FactKind = 'text' | 'number' | 'seconds' | 'memory' | 'texts' | 'reason' | 'reasons';

/** The facts of one reason. */
export interface IFacts {
  /** A fact in words. */
  words(name: string, kind: FactKind): string;
  /** The number that decides between one and many. */
  count(name: string): number;
}

/** Makes the words of one kind of reason. */
export type Worded = (trans: TranslationBundle, facts: IFacts) => string;

/** The words of every reason that the hub has a code for. */
export const REASONS: { readonly [code: string]: Worded | undefined } = {
  'told': (_, facts) => facts.words('words', 'text'),
  'admission-pending': (trans) => trans.__('waits for admission'),
  'queued-for-resources': (trans, facts) => trans._n('%2 on %1 node', '%2 on %1 nodes', facts.count('nodes'), facts.words('missing', 'reason')),
  'queued-behind': (trans, facts) => trans.__('waits behind %1', facts.words('execution', 'text')),
  'queued': (trans, facts) => trans.__('queued at position %1: %2', facts.words('position', 'number'), facts.words('cause', 'reason')),
  'queued-until-nodes': (trans, facts) => trans.__('queued until there are other nodes: %1', facts.words('cause', 'reason')),
  'cores-missing': (trans, facts) => trans.__('%1 cores are needed and %2 of %3 are free', facts.words('needed', 'number'), facts.words('free', 'number'), facts.words('total', 'number')),
  'memory-missing': (trans, facts) => trans.__('%1 of memory are needed and %2 of %3 are free', facts.words('needed', 'memory'), facts.words('free', 'memory'), facts.words('total', 'memory')),
  'cores-and-memory-missing': (trans, facts) => trans.__('%1 and %2', facts.words('cores', 'reason'), facts.words('memory', 'reason')),
  'nodes-too-small': (trans, facts) => trans.__('a process of %1 needs %2 cores and %3, which no node has', facts.words('group', 'text'), facts.words('cores', 'number'), facts.words('memory', 'memory')),
  'admitted': (trans) => trans.__('admitted: its essential processes fit'),
  'granted': (trans, facts) => trans.__('may now run %1', facts.words('groups', 'reasons')),
  'group-granted': (trans, facts) => trans.__('%1: %2', facts.words('group', 'text'), facts.words('count', 'number')),
  'queue-moved': (trans) => trans.__('the queue has moved up'),
  'groups-awaited': (trans, facts) => trans.__('waits for %1', facts.words('groups', 'reasons')),
  'group-not-ready': (trans, facts) => trans.__('%1: %2 of %3 essential ready', facts.words('group', 'text'), facts.words('ready', 'number'), facts.words('essential', 'number')),
  'group-restarts': (trans, facts) => trans.__('%1: %2 of %3 essential ready (starts again: %4)', facts.words('group', 'text'), facts.words('ready', 'number'), facts.words('essential', 'number'), facts.words('cause', 'reason')),
  'running': (trans) => trans.__('all essential processes are ready'),
  'running-partly': (trans, facts) => trans.__('all essential processes are ready; %1', facts.words('groups', 'reasons')),
  'group-partly-ready': (trans, facts) => trans.__('%1: %2 of %3 ready', facts.words('group', 'text'), facts.words('ready', 'number'), facts.words('wanted', 'number')),
  'group-partly-granted': (trans, facts) => trans.__('%1: %2 of %3 ready, %4 granted', facts.words('group', 'text'), facts.words('ready', 'number'), facts.words('wanted', 'number'), facts.words('granted', 'number')),
  'backend-awaited': (trans, facts) => trans.__('%1; waits for the backend: %2', facts.words('state', 'reason'), facts.words('cause', 'reason')),
  'essential-refused': (trans, facts) => trans.__('%1 cannot be started: %2', facts.words('process', 'text'), facts.words('cause', 'reason')),
  'essential-failed': (trans, facts) => trans._n('%2 is essential and ended: %3', '%2 is essential and ended %1 times in a row; the last time: %3', facts.count('failures'), facts.words('process', 'text'), facts.words('cause', 'reason')),
  'essential-final': (trans, facts) => trans.__('%1 is essential, and would end the same another time: %2', facts.words('process', 'text'), facts.words('cause', 'reason')),
  'result-lost': (trans, facts) => trans.__('%1 decides the result and is gone: %2', facts.words('process', 'text'), facts.words('cause', 'reason')),
  'result-decided': (trans, facts) => trans.__('%1 decides the result: %2', facts.words('process', 'text'), facts.words('cause', 'reason')),
  'terminated': (trans, facts) => trans.__('terminated by %1', facts.words('user', 'text')),
  'last-detached': (trans, facts) => trans.__('%1 was detached, and no other notebook is attached', facts.words('notebook', 'text')),
  'holder-silent': (trans, facts) => trans.__('%1 has not renewed its lease for %2', facts.words('holder', 'text'), facts.words('silence', 'seconds')),
  'holder-back': (trans, facts) => trans.__('%1 is back', facts.words('holder', 'text')),
  'holder-moved': (trans, facts) => trans.__('%1 is %2 now', facts.words('before', 'text'), facts.words('holder', 'text')),
  'holder-deleted': (trans, facts) => trans.__('%1 was deleted', facts.words('holder', 'text')),
  'holders-gone': (trans, facts) => trans.__('nobody is left who was attached to it: %1', facts.words('holders', 'texts')),
  'shrunk': (trans, facts) => trans.__('%1 keeps its essential processes alone (%2): %3', facts.words('execution', 'text'), facts.words('groups', 'reasons'), facts.words('cause', 'reason')),
  'unused': (trans, facts) => trans.__('nobody has used it for %1', facts.words('idle', 'seconds')),
  'used-again': (trans) => trans.__('is in use again'),
  'kept': (trans, facts) => trans.__('%1 wants it kept', facts.words('user', 'text')),
  'start': (trans, facts) => trans.__('start %1 (%2)', facts.words('execution', 'text'), facts.words('groups', 'reasons')),
  'group-size': (trans, facts) => trans.__('%1: %2', facts.words('group', 'text'), facts.words('count', 'number')),
  'terminate': (trans, facts) => trans.__('end %1', facts.words('execution', 'text')),
  'stop': (trans, facts) => trans.__('stop %1', facts.words('process', 'text')),
  'asked-by-owner': (trans) => trans.__('asked by its owner'),
  'asked-to-start': (trans, facts) => trans.__('%1 asked to start %2', facts.words('user', 'text'), facts.words('zapp', 'text')),
  'asked-to-attach': (trans, facts) => trans.__('%1 asked for it', facts.words('user', 'text')),
  'attached-before': (trans) => trans.__('it was attached before'),
  'scaled': (trans, facts) => trans.__('scale %1 of %2 from %3 to %4', facts.words('group', 'text'), facts.words('execution', 'text'), facts.words('before', 'number'), facts.words('count', 'number')),
  'attached': (trans, facts) => trans.__('attach %1 to %2', facts.words('notebook', 'text'), facts.words('execution', 'text')),
  'attached-again': (trans, facts) => trans.__('attach %1 to %2 again', facts.words('notebook', 'text'), facts.words('execution', 'text')),
  'detached': (trans, facts) => trans.__('detach %1 from %2', facts.words('notebook', 'text'), facts.words('execution', 'text')),
  'admin-looked': (trans, facts) => trans.__('The admin %1 used %2.', facts.words('admin', 'text'), facts.words('operation', 'text')),
  'wanted': (trans) => trans.__('is wanted'),
  'starts-again': (trans, facts) => trans.__('starts again: %1', facts.words('cause', 'reason')),
  'started': (trans) => trans.__('runs, not ready yet'),
  'ready': (trans) => trans.__('is ready'),
  'fewer-wanted': (trans, facts) => trans.__('fewer processes of %1 are wanted', facts.words('group', 'text')),
  'hands-over': (trans, facts) => trans.__('fewer processes of %1 are wanted; hands over its work', facts.words('group', 'text')),
  'handed-over': (trans) => trans.__('has handed over its work'),
  'not-handed-over': (trans, facts) => trans.__('did not hand over its work within %1', facts.words('limit', 'seconds')),
  'execution-ends': (trans) => trans.__('the execution ends'),
  'address-changed': (trans, facts) => trans.__('the address of %1 has changed', facts.words('groups', 'texts')),
  'secrets-replaced': (trans, facts) => trans.__('it has secrets that were made anew: %1', facts.words('secrets', 'texts')),
  'secrets-renewed': (trans, facts) => trans.__("a port was another program's, so these secrets were made anew: %1", facts.words('secrets', 'texts')),
  'secrets-exposed': (trans, facts) => trans.__("a port was another program's, which may know what was given as %1: change it where it comes from", facts.words('secrets', 'texts')),
  'late-to-run': (trans, facts) => trans.__('was not ready within %1; waited for it to run', facts.words('limit', 'seconds')),
  'late-to-accept': (trans, facts) => trans.__('was not ready within %1; waited for port %2 to accept', facts.words('limit', 'seconds'), facts.words('port', 'text')),
  'late-to-answer': (trans, facts) => trans.__('was not ready within %1; waited for http page %2 on port %3', facts.words('limit', 'seconds'), facts.words('path', 'text'), facts.words('port', 'text')),
  'late-to-log': (trans, facts) => trans.__("was not ready within %1; waited for a log line like '%2'", facts.words('limit', 'seconds'), facts.words('pattern', 'text')),
  'stopped': (trans, facts) => trans.__('%1; %2', facts.words('cause', 'reason'), facts.words('end', 'reason')),
  'stopped-by-force': (trans, facts) => trans.__('%1; %2 (killed, since it did not end in time)', facts.words('cause', 'reason'), facts.words('end', 'reason')),
  'exited': (trans, facts) => trans.__('ended with exit code %1', facts.words('code', 'number')),
  'signalled': (trans, facts) => trans.__('ended by signal %1', facts.words('signal', 'number')),
  'end-unknown': (trans) => trans.__('ended, its exit code is not known'),
  'vanished': (trans) => trans.__('the backend does not know it any more'),
  'port-lost': (trans) => trans.__('its port was taken by another program'),
  'out-of-memory': (trans) => trans.__('out of memory'),
  'killed-late': (trans, facts) => trans.__('killed: it did not end within %1', facts.words('grace', 'seconds')),
  'supervisor-killed': (trans) => trans.__('its supervisor was killed'),
  'machine-restarted': (trans) => trans.__('the machine was restarted'),
  'machine-slept': (trans, facts) => trans.__('the machine slept for %1', facts.words('slept', 'seconds')),
  'hub-stood-still': (trans, facts) => trans.__('the hub could not run for %1', facts.words('stood', 'seconds')),
  'clock-set-forwards': (trans, facts) => trans.__('the clock was set forwards by %1', facts.words('by', 'seconds')),
  'clock-set-back': (trans, facts) => trans.__('the clock was set back by %1', facts.words('by', 'seconds')),
  'keep-shortened': (trans) => trans.__('was to be kept for longer than is allowed'),
  'history-cut': (trans) => trans.__('what happened until the next line is left out, or not kept any more'),
  'due-ready': (trans) => trans.__('is stopped then, if it is not ready before'),
  'due-drained': (trans) => trans.__('is stopped then, if it has not handed over its work before'),
  'due-killed': (trans) => trans.__('is killed then, if it has not ended before'),
  'due-restart': (trans) => trans.__('starts again then'),
  'due-shrink': (trans) => trans.__('is shrunk to its essential processes then, if nobody uses it before'),
  'due-end': (trans) => trans.__('is ended then, if nobody uses it before'),
  'past-too-old': (trans, facts) => trans._n('is kept for %1 day after it was over, no longer', 'is kept for %1 days after it was over, no longer', facts.count('days')),
  'past-too-many': (trans, facts) => trans.__('is the oldest, and no more than %1 are kept', facts.words('number', 'number')),
  'past-too-large': (trans, facts) => trans.__('is the oldest, and no more than %1 of such are kept', facts.words('limit', 'memory')),
  'unexpected': (trans, facts) => trans.__('%1 failed: %2', facts.words('part', 'text'), facts.words('error', 'text')),
  'not-reaped': (trans, facts) => trans.__('%1, which nobody remembers, could not be reaped yet: %2', facts.words('execution', 'text'), facts.words('cause', 'reason'))
};
