/**
 * The dialog that starts a ZApp: a form made from its JSON Schema; the hub judges what was filled in, at the fields.
 */

import { Dialog } from '@jupyterlab/apputils';
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import { FormComponent, ReactWidget } from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { UUID } from '@lumino/coreutils';
import type { UiSchema } from '@rjsf/utils';
import { customizeValidator } from '@rjsf/validator-ajv8';
import React from 'react';
import { ZoeProblem } from '../../api/problem';
import type { IExecutionView, IZAppView } from '../../api/types';
import { problemWords } from '../../kit/words/problems';
import type { IFormErrors } from '../form';
import { cleanParameters, formErrors, formSchema, HUB_FORMATS, parameterNames, uiSchema } from '../form';
import type { ICatalog } from '../tokens';
import { templates } from './fields';

// The hub checks; the form only needs a validator to choose between alternatives of a schema.
const validator = customizeValidator<ReadonlyJSONObject>({
  customFormats: Object.fromEntries(HUB_FORMATS.map(format => [format, /^/]))
});

const NO_ERRORS: IFormErrors = { fields: {}, others: [] };

/** What the dialog works with. */
export interface IStartOptions {
  readonly catalog: ICatalog;
  readonly zapp: IZAppView;
  readonly translator: ITranslator;
  readonly trans: TranslationBundle;
}

/** Ask for the parameters of a ZApp and start it. The execution, or null if the user thought better of it. */
export async function askAndStart(options: IStartOptions): Promise<IExecutionView | null> {
  const dialog = new StartDialog(options);
  await dialog.launch();
  return dialog.started;
}

/** Stays open until the hub has accepted the request, or the user gives up. */
class StartDialog extends Dialog<unknown> {
  constructor(options: IStartOptions) {
    const { trans, zapp } = options;
    const form = new StartForm(options);
    super({
      title: trans.__('Start %1', zapp.title),
      body: form,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Start') })],
      defaultButton: 1,
      // JupyterLab gives focus when the browser is idle, perhaps while people type already: it stays where it is then.
      focusNodeSelector: '.jp-zoe-Form :focus'
    });
    this._form = form;
    this.addClass('jp-zoe-StartDialog');
  }

  /** What was started. */
  started: IExecutionView | null = null;

  override resolve(index = 1): void {
    if (index === 0) {
      super.resolve(0);
    } else if (!this._busy) {
      this._busy = true;
      this.node.setAttribute('aria-busy', 'true');
      void this._form
        .submit()
        .then(started => {
          this.started = started;
          if (started) {
            super.resolve(index);
          }
        })
        .finally(() => {
          this._busy = false;
          this.node.removeAttribute('aria-busy');
        });
    }
  }

  private readonly _form: StartForm;
  private _busy = false;
}

/** The body of the dialog. */
class StartForm extends ReactWidget {
  constructor(private readonly _options: IStartOptions) {
    super();
    this.addClass('jp-zoe-Form');
    this._templates = templates(_options.trans);
    this._schema = formSchema(_options.zapp);
    this._ui = uiSchema(_options.zapp);
    this._names = parameterNames(_options.zapp);
  }

  /** Send it. The execution, or null if it was refused; then the form says why. */
  async submit(): Promise<IExecutionView | null> {
    const { catalog, zapp } = this._options;
    this._problem = null;
    this._errors = NO_ERRORS;
    this._sending = true;
    this.update();
    try {
      return await catalog.start(zapp.name, cleanParameters(this._data), this._name.trim() || null, this._key);
    } catch (error) {
      this._problem = ZoeProblem.from(error);
      this._errors = formErrors(this._problem.errors, this._names);
      return null;
    } finally {
      this._sending = false;
      this.update();
      requestAnimationFrame(() => {
        const field = this.node.querySelector('.jp-zoe-Field:has(> .jp-zoe-Field-errors)');
        const input = field?.querySelector<HTMLElement>('input, textarea, select');
        if (input) {
          input.focus();
          field?.scrollIntoView({ block: 'nearest' });
        } else {
          this.node.querySelector('.jp-zoe-Problem')?.scrollIntoView({ block: 'nearest' });
        }
      });
    }
  }

  protected render(): React.JSX.Element {
    const { zapp, trans, translator } = this._options;
    return (
      <>
        {zapp.description && <p className="jp-zoe-Form-description">{zapp.description}</p>}
        {this._problem && <FormProblem problem={this._problem} errors={this._errors} trans={trans} />}
        {this._names.length > 0 && (
          <FormComponent
            schema={this._schema}
            templates={this._templates}
            uiSchema={this._ui as UiSchema<ReadonlyJSONObject>}
            formData={this._data as ReadonlyJSONObject}
            formContext={{ defaultFormData: {} }}
            validator={validator}
            extraErrors={this._errors.fields}
            disabled={this._sending}
            idPrefix="jp-zoe-field"
            tagName="div"
            noHtml5Validate
            liveValidate={false}
            showErrorList={false}
            translator={translator}
            onChange={({ formData }) => {
              this._data = formData ?? {};
              this._key = UUID.uuid4();
              this.update();
            }}
          />
        )}
        <div className="jp-zoe-Form-name" ref={this._focusFirst}>
          <div className="jp-zoe-Field">
            <label className="jp-zoe-Field-label" htmlFor="jp-zoe-name">
              {trans.__('Name (optional)')}
            </label>
            <input
              id="jp-zoe-name"
              className="jp-mod-styled"
              type="text"
              name="zoe-name"
              autoComplete="off"
              spellCheck={false}
              maxLength={63}
              disabled={this._sending}
              placeholder={trans.__('chosen by the hub')}
              defaultValue={this._name}
              onChange={event => {
                this._name = event.target.value;
                this._key = UUID.uuid4();
                this.update();
              }}
            />
          </div>
        </div>
      </>
    );
  }

  /** Called once, when all fields are there. */
  private readonly _focusFirst = (last: HTMLElement | null): void => {
    if (last) {
      this.node.querySelector<HTMLElement>('input, textarea, select')?.focus();
    }
  };

  private readonly _templates: ReturnType<typeof templates>;
  private readonly _schema: ReturnType<typeof formSchema>;
  private readonly _ui: ReturnType<typeof uiSchema>;
  private readonly _names: string[];
  private _data: Record<string, unknown> = {};
  private _name = '';
  private _key: string = UUID.uuid4(); // the same until something is changed: a repeated click starts one execution
  private _problem: ZoeProblem | null = null;
  private _errors = NO_ERRORS;
  private _sending = false;
}

function FormProblem(props: { problem: ZoeProblem; errors: IFormErrors; trans: TranslationBundle }): React.JSX.Element {
  const { problem, errors } = props;
  const { message, remedy } = problemWords(problem, props.trans);
  return (
    <div className="jp-zoe-Problem" role="alert">
      <div className="jp-zoe-Problem-text">{message}</div>
      {errors.others.length > 0 && (
        <ul>
          {errors.others.map((text, index) => (
            <li key={index}>{text}</li>
          ))}
        </ul>
      )}
      {remedy && Object.keys(errors.fields).length === 0 && <div>{remedy}</div>}
    </div>
  );
}
