// The filter: the live table, an answer to "what happens to …", and the verdicts as they fall.
import { useState } from 'react';
import { Tabs } from '../components/tabs.tsx';
import { useWords } from '../state/words.ts';
import { FilterExplain } from './filter-explain.tsx';
import { FilterRows } from './filter-rows.tsx';
import { FilterVerdicts } from './filter-verdicts.tsx';

const tabs = ['rows', 'explain', 'verdicts'] as const;
type TabName = (typeof tabs)[number];

export function FilterPage() {
  const { say } = useWords();
  const [tab, setTab] = useState<TabName>('rows');
  return (
    <div className="page">
      <header className="page-header">
        <h1>{say('navigation.filter')}</h1>
      </header>
      <Tabs
        label={say('navigation.filter')}
        tabs={tabs.map((id) => ({ id, label: say(`filter.tab.${id}`) }))}
        selected={tab}
        onSelect={setTab}
      >
        {tab === 'rows' && <FilterRows />}
        {tab === 'explain' && <FilterExplain />}
        {tab === 'verdicts' && <FilterVerdicts />}
      </Tabs>
    </div>
  );
}
