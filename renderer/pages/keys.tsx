// Keys: vaults with what opens them, what lies in them, and smart cards.
import { useState } from 'react';
import { Tabs } from '../components/tabs.tsx';
import { useWords } from '../state/words.ts';
import { KeysCards } from './keys-cards.tsx';
import { KeysSecrets } from './keys-secrets.tsx';
import { KeysVaults } from './keys-vaults.tsx';

const tabs = ['vaults', 'secrets', 'cards'] as const;
type TabName = (typeof tabs)[number];

export function KeysPage() {
  const { say } = useWords();
  const [tab, setTab] = useState<TabName>('vaults');
  return (
    <div className="page">
      <header className="page-header">
        <h1>{say('navigation.keys')}</h1>
      </header>
      <Tabs
        label={say('navigation.keys')}
        tabs={tabs.map((id) => ({ id, label: say(`keys.tab.${id}`) }))}
        selected={tab}
        onSelect={setTab}
      >
        {tab === 'vaults' && <KeysVaults />}
        {tab === 'secrets' && <KeysSecrets />}
        {tab === 'cards' && <KeysCards />}
      </Tabs>
    </div>
  );
}
