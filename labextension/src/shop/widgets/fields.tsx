/**
 * How the form of a ZApp is laid out: labels that belong to their fields, errors under them, room for two small fields
 * side by side.
 */

import { addIcon, deleteIcon, LabIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type { ArrayFieldTemplateProps, FieldTemplateProps, ObjectFieldTemplateProps, TemplatesType } from '@rjsf/utils';
import { ADDITIONAL_PROPERTY_FLAG, canExpand } from '@rjsf/utils';
import React from 'react';

type Field = FieldTemplateProps<ReadonlyJSONObject>;
type List = ArrayFieldTemplateProps<ReadonlyJSONObject>;
type Group = ObjectFieldTemplateProps<ReadonlyJSONObject>;

/** The templates, to be made once for a form: new ones would take the focus out of a field. */
export function templates(trans: TranslationBundle): Partial<TemplatesType<ReadonlyJSONObject>> {
  return {
    FieldTemplate: props => <OneField {...props} trans={trans} />,
    ArrayFieldTemplate: props => <ListField {...props} trans={trans} />,
    ObjectFieldTemplate: props => <GroupField {...props} trans={trans} />
  };
}

function OneField(props: Field & { trans: TranslationBundle }): React.JSX.Element {
  const { id, schema, label, required, displayLabel, rawErrors, children, hidden, trans } = props;
  const root = !id.replace(/^jp-zoe-field_?/, '');
  const many = schema.type === 'object' || schema.type === 'array';
  const added = ADDITIONAL_PROPERTY_FLAG in schema;
  if (hidden) {
    return <div hidden>{children}</div>;
  }
  const named = !root && !many && schema.type !== 'boolean';
  const classes = ['jp-zoe-Field', props.classNames ?? ''];
  if (root || many || isLong(props)) {
    classes.push('jp-zoe-mod-wide');
  }
  if (added) {
    classes.push('jp-zoe-mod-added');
  }
  return (
    <div className={classes.join(' ')}>
      {added ? (
        <input
          className="jp-mod-styled"
          type="text"
          aria-label={trans.__('Name of an entry')}
          defaultValue={label}
          onBlur={event => props.onKeyChange(event.target.value)}
        />
      ) : (
        named && (
          <label htmlFor={id} className={displayLabel ? 'jp-zoe-Field-label' : 'jp-zoe-mod-hidden'}>
            {label}
            {required && <span aria-hidden="true"> *</span>}
          </label>
        )
      )}
      {children}
      {added && <Remove label={trans.__('Remove %1', label)} onClick={props.onDropPropertyClick(label)} />}
      {rawErrors && rawErrors.length > 0 && (
        <ul className="jp-zoe-Field-errors" id={`${id}__error`}>
          {rawErrors.map((error, index) => (
            <li key={index}>{error}</li>
          ))}
        </ul>
      )}
      {named && displayLabel && schema.description && (
        <div className="jp-zoe-Field-description" id={`${id}__description`}>
          {schema.description}
        </div>
      )}
    </div>
  );
}

/** Text areas and texts that tend to be long take the whole width. */
function isLong({ schema, uiSchema }: Field): boolean {
  return uiSchema?.['ui:widget'] === 'textarea' || (schema.type === 'string' && !schema.format && !schema.enum);
}

function ListField(props: List & { trans: TranslationBundle }): React.JSX.Element {
  const { trans, title, schema, items, canAdd } = props;
  return (
    <fieldset className="jp-zoe-Field-many">
      <Heading title={title} description={schema.description} />
      {items.map(item => (
        <div key={item.key} className="jp-zoe-Field-item">
          {item.children}
          {item.hasRemove && (
            <Remove
              label={trans.__('Remove entry %1 of %2', item.index + 1, title)}
              onClick={item.onDropIndexClick(item.index)}
            />
          )}
        </div>
      ))}
      {canAdd && <Add label={trans.__('Add to %1', title)} text={trans.__('Add')} onClick={props.onAddClick} />}
    </fieldset>
  );
}

function GroupField(props: Group & { trans: TranslationBundle }): React.JSX.Element {
  const { trans, title, schema, idSchema, properties } = props;
  const fields = properties.map(property => property.content);
  if (idSchema.$id === 'jp-zoe-field') {
    return <div className="jp-zoe-Fields">{fields}</div>;
  }
  return (
    <fieldset className="jp-zoe-Field-many">
      <Heading title={title} description={schema.description} />
      {fields}
      {canExpand(schema, props.uiSchema, props.formData) && (
        <Add label={trans.__('Add to %1', title)} text={trans.__('Add')} onClick={props.onAddClick(schema)} />
      )}
    </fieldset>
  );
}

function Heading(props: { title: string; description: string | undefined }): React.JSX.Element {
  return (
    <>
      <legend className="jp-zoe-Field-label">{props.title}</legend>
      {props.description && <div className="jp-zoe-Field-description">{props.description}</div>}
    </>
  );
}

function Add(props: { label: string; text: string; onClick: (event?: unknown) => void }): React.JSX.Element {
  return (
    <button type="button" className="jp-zoe-Button jp-zoe-mod-small" aria-label={props.label} onClick={props.onClick}>
      <LabIcon.resolveReact icon={addIcon} tag="span" width="14px" height="14px" />
      {props.text}
    </button>
  );
}

function Remove(props: { label: string; onClick: (event?: unknown) => void }): React.JSX.Element {
  return (
    <button
      type="button"
      className="jp-zoe-IconButton jp-Button jp-mod-minimal"
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      <LabIcon.resolveReact icon={deleteIcon} tag="span" width="16px" height="16px" />
    </button>
  );
}
