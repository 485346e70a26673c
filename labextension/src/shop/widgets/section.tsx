/** The shop: everything that can be started. */

import { FilterBox, runIcon } from '@jupyterlab/ui-components';
import React, { useState } from 'react';
import type { IFrameworkView, IZAppView } from '../../api/types';
import { useFollowed, useKit } from '../../kit/widgets/context';
import { Empty } from '../../kit/widgets/parts';
import { Section } from '../../kit/widgets/section';
import type { ICatalog } from '../tokens';
import { ShopCommands } from '../tokens';
import { zappIcon } from './icons';

/** A search field is worth its room from so many ZApps on. */
const MANY = 8;

/** The ZApps as cards. */
export function ShopSection(props: { catalog: ICatalog }): React.JSX.Element {
  const { trans } = useKit();
  const { zapps, frameworks, definitions } = useFollowed(props.catalog);
  const [filter, setFilter] = useState('');
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = zapps.filter(zapp => {
    const text = [zapp.name, zapp.title, zapp.description, zapp.kind, ...zapp.frameworks].join(' ').toLowerCase();
    return words.every(word => text.includes(word));
  });
  return (
    <Section id="shop" title={trans.__('Shop')} count={zapps.length}>
      {zapps.length > MANY && (
        <FilterBox
          placeholder={trans.__('Find an application')}
          useFuzzyFilter={false}
          updateFilter={(_, query) => setFilter(query ?? '')}
        />
      )}
      {zapps.length === 0 && (
        <Empty>
          {trans.__(
            "The shop is empty. Ask the hub's admin to add a definition, or check yours with 'zoe-hub validate'."
          )}
        </Empty>
      )}
      {zapps.length > 0 && shown.length === 0 && <Empty>{trans.__('No application fits. Try another word.')}</Empty>}
      <ul className="jp-zoe-List">
        {shown.map(zapp => (
          <Card key={zapp.name} zapp={zapp} />
        ))}
      </ul>
      {frameworks.length > 0 && (
        <details className="jp-zoe-Frameworks">
          <summary>{trans._n('%1 framework', '%1 frameworks', frameworks.length)}</summary>
          <p>{trans.__('What applications are made of. A framework does not run by itself.')}</p>
          <dl>
            {frameworks.map(framework => (
              <Block key={framework.name} framework={framework} />
            ))}
          </dl>
        </details>
      )}
      {definitions.length > 0 && (
        <details className="jp-zoe-Definitions">
          <summary>
            {trans._n('%1 definition could not be read', '%1 definitions could not be read', definitions.length)}
          </summary>
          <ul>
            {definitions.map((place, index) => (
              <li key={index}>
                <code>{[place.file, place.line, place.column].filter(Boolean).join(':')}</code> {place.path}{' '}
                {place.message}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Section>
  );
}

function Card(props: { zapp: IZAppView }): React.JSX.Element {
  const { commands, trans } = useKit();
  const { zapp } = props;
  const icon = zappIcon(zapp.name, zapp.icon);
  return (
    <li className="jp-zoe-Card" data-zapp={zapp.name}>
      <icon.react tag="span" className="jp-zoe-Card-icon" width="20px" height="20px" />
      <div className="jp-zoe-Card-title">{zapp.title}</div>
      <button
        className="jp-zoe-Button jp-zoe-mod-small jp-zoe-Card-start"
        aria-label={trans.__('Start %1', zapp.title)}
        onClick={() => void commands.execute(ShopCommands.start, { zapp: zapp.name })}
      >
        <runIcon.react tag="span" width="14px" height="14px" />
        {trans.__('Start')}
      </button>
      {zapp.description && <div className="jp-zoe-Card-description">{zapp.description}</div>}
    </li>
  );
}

function Block(props: { framework: IFrameworkView }): React.JSX.Element {
  const { trans } = useKit();
  const { name, title, zapps } = props.framework;
  return (
    <>
      <dt>
        {title} <code>{name}</code>
      </dt>
      <dd>{zapps.length > 0 ? trans.__('used by %1', zapps.join(', ')) : trans.__('no application uses it yet')}</dd>
    </>
  );
}
