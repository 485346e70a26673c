/** From a ZApp's JSON Schema to a form, and from a problem to its fields. Pure; used by the start dialog. */

import type { ErrorSchema, RJSFSchema, UiSchema } from '@rjsf/utils';
import type { IWrongPlace, IZAppView } from '../api/types';

type Schema = Record<string, unknown>;

/** Formats that the hub knows; it judges them, in words better than a generic validator's. */
export const HUB_FORMATS = ['memory', 'duration', 'regex', 'code', 'textarea', 'path'];

/** The schema for the form: what the hub says, without what a form cannot show. */
export function formSchema(zapp: IZAppView): RJSFSchema {
  // The dialog has a title and a description already.
  const { title, description, $schema, ...rest } = zapp.parameters as RJSFSchema;
  return { type: 'object', properties: {}, ...rest };
}

/** The names of a ZApp's parameters. */
export function parameterNames(zapp: IZAppView): string[] {
  return Object.keys((zapp.parameters.properties ?? {}) as Schema);
}

/** How each parameter is asked for: code in a text area, secrets hidden, amounts with an example. */
export function uiSchema(zapp: IZAppView): UiSchema {
  const ui: UiSchema = {};
  for (const [name, schema] of Object.entries((zapp.parameters.properties ?? {}) as Record<string, Schema>)) {
    const format = schema.format;
    const multiline = typeof schema.default === 'string' && schema.default.includes('\n');
    if (schema.secret === true || schema.writeOnly === true) {
      ui[name] = { 'ui:widget': 'password', 'ui:options': { inputType: 'password' } };
    } else if (
      schema.type === 'string' &&
      (format === 'code' || format === 'textarea' || name === 'code' || multiline)
    ) {
      ui[name] = { 'ui:widget': 'textarea', 'ui:options': { rows: 8 }, 'ui:classNames': 'jp-zoe-code' };
    } else if (format === 'memory') {
      ui[name] = { 'ui:placeholder': '1GiB', 'ui:widget': 'text' };
    } else if (format === 'duration') {
      ui[name] = { 'ui:placeholder': '60s', 'ui:widget': 'text' };
    } else if (schema.type === 'array') {
      ui[name] = { 'ui:options': { orderable: false }, items: { 'ui:options': { label: false } } };
    }
  }
  return ui;
}

/** The fields that a problem names, and what it says about nothing that the form shows. */
export interface IFormErrors {
  readonly fields: ErrorSchema;
  readonly others: readonly string[];
}

/** Put each wrong place at its field. Pointers may begin with `/parameters`, as in the request, or not. */
export function formErrors(errors: readonly IWrongPlace[], names: readonly string[]): IFormErrors {
  const fields: Record<string, unknown> = {};
  const others: string[] = [];
  for (const { path, message } of errors) {
    const steps = path
      .split('/')
      .slice(1)
      .map(step => step.replace(/~1/g, '/').replace(/~0/g, '~'));
    if (steps[0] === 'parameters' && (steps.length > 1 || !names.includes('parameters'))) {
      steps.shift();
    }
    const [first] = steps;
    if (first === undefined || !names.includes(first)) {
      others.push(first === undefined ? message : `${steps.join('.')}: ${message}`);
      continue;
    }
    let node = fields;
    for (const step of steps) {
      node = (node[step] ??= {}) as Record<string, unknown>;
    }
    ((node.__errors ??= []) as string[]).push(message);
  }
  return { fields: fields as ErrorSchema, others };
}

/** The parameters to send: without fields that were left empty. */
export function cleanParameters(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined && value !== null));
}
