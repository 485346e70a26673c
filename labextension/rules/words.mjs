/**
 * Whatever a person reads is translated: letters between tags, in the attributes that are shown or read out, and in the
 * members by which JupyterLab is told labels and the panel is told problems have to come out of `trans`.
 */

const LETTERS = String.raw`/\p{L}{2}/u`;
const ATTRIBUTES = '/^(title|aria-label|alt|label|placeholder)$/';
const MEMBERS = '/^(label|caption|title|tooltip|body|detail|remedy|placeholder|textContent|ariaLabel)$/';
const CALLS = '/^(info|success|error|warning|emit)$/';
const message = 'Words for people come from trans.__().';

/** A literal, a template, or either of two of them. */
function texts(before) {
  return ['', 'ConditionalExpression > ', 'LogicalExpression > '].flatMap(between => [
    `${before} > ${between}Literal[value=${LETTERS}]`,
    `${before} > ${between}TemplateLiteral > TemplateElement[value.raw=${LETTERS}]`
  ]);
}

/** Options of ESLint's `no-restricted-syntax`. */
export const untranslated = [
  `JSXText[value=${LETTERS}]`,
  `JSXAttribute[name.name=${ATTRIBUTES}] > Literal[value=${LETTERS}]`,
  ...texts(`JSXAttribute[name.name=${ATTRIBUTES}] > JSXExpressionContainer`),
  ...texts('JSXElement > JSXExpressionContainer'),
  ...texts('JSXFragment > JSXExpressionContainer'),
  ...texts(`Property[key.name=${MEMBERS}]`),
  ...texts(`AssignmentExpression[left.property.name=${MEMBERS}]`),
  `CallExpression[callee.object.name="Notification"][callee.property.name=${CALLS}] > Literal.arguments:first-child`,
  `CallExpression[callee.property.name="setAttribute"][arguments.0.value=${ATTRIBUTES}] > Literal:nth-child(2)[value=${LETTERS}]`
].map(selector => ({ selector, message }));
