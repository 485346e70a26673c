/** Web pages of executions: which there are, and where. Pure; used by the commands and the widgets. */

import type { IEndpoint, IExecutionView } from '../api/types';

/** A page, with all that is needed to show it again. */
export interface IPlace {
  readonly execution: string;
  /** The execution's. */
  readonly name: string;
  readonly process: string;
  readonly port: string;
  readonly title: string;
  readonly path: string;
}

/** The page behind an endpoint. */
export function placeOf(execution: IExecutionView, endpoint: IEndpoint): IPlace {
  return {
    execution: execution.id,
    name: execution.name,
    process: endpoint.process,
    port: endpoint.port,
    title: endpoint.title || endpoint.port,
    path: endpoint.path
  };
}

/** The pages of an execution that are for people. */
export function shownEndpoints(execution: IExecutionView): IEndpoint[] {
  return execution.endpoints.filter(endpoint => endpoint.show);
}

/** The endpoints that are meant: of this process and port, or those for people if it is not said which. */
export function meantEndpoints(execution: IExecutionView, process: string | null, port: string | null): IEndpoint[] {
  return execution.endpoints.filter(
    endpoint =>
      (process === null ? endpoint.show : endpoint.process === process) && (port === null || endpoint.port === port)
  );
}

/** Process, port and path of a page, below its execution. */
export function pageOf(place: IPlace): string {
  const before = `/pages/${place.execution}/`;
  const at = place.path.indexOf(before);
  return at < 0 ? `${place.process}/${place.port}/` : place.path.slice(at + before.length);
}

/** The plain address of an endpoint at this Jupyter server, also for an execution that was started elsewhere. */
export function plainUrl(place: IPlace, webPrefix: string): string {
  return `${webPrefix}/pages/${place.execution}/${pageOf(place)}`;
}
