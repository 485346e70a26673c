/** Questions about executions as the hub shows them. Pure; asked by several capabilities. */

import type { IExecutionView, IGroupView } from '../api/types';

/** Executions by their ids. */
export type Executions = ReadonlyMap<string, IExecutionView>;

/** Whether an execution is over. */
export function isEnded(execution: IExecutionView): boolean {
  return execution.phase === 'ended';
}

/** Executions that have not ended, in the order in which they are known: newest first. */
export function running(executions: Executions): IExecutionView[] {
  return [...executions.values()].filter(execution => !isEnded(execution));
}

/** Ended executions, the last one first. */
export function ended(executions: Executions): IExecutionView[] {
  return [...executions.values()]
    .filter(isEnded)
    .sort((a, b) => (b.ended ?? b.created).localeCompare(a.ended ?? a.created));
}

/** All of them, those that run first. */
export function runningFirst(executions: Executions): IExecutionView[] {
  return [...running(executions), ...ended(executions)];
}

/** The groups that can grow. */
export function scalable(execution: IExecutionView): IGroupView[] {
  return execution.groups.filter(group => group.scalable);
}

/** How many processes are ready, of how many that are wanted. */
export function readiness(execution: IExecutionView): { ready: number; wanted: number } {
  const sum = (value: (group: IGroupView) => number): number =>
    execution.groups.reduce((n, group) => n + value(group), 0);
  return { ready: sum(group => group.ready), wanted: sum(group => group.count) };
}
