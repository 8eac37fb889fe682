// Packets of the adapter or of the wire into a file for Wireshark, for a chosen time, with progress.
import { useState } from 'react';
import type { CaptureState } from '../../main/tray/ipc.ts';
import { Button } from '../components/button.tsx';
import { Card, Facts } from '../components/card.tsx';
import { Choice, TextField } from '../components/field.tsx';
import { Notice } from '../components/notice.tsx';
import { Bar, Bytes, Count } from '../components/quantity.tsx';
import { useActions } from '../state/actions.ts';
import { useLook, useNow } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

const longestSeconds = 3600;
const progressEveryMilliseconds = 500;

export function DiagnosticsCapture() {
  const { say } = useWords();
  const { value, reload } = useLook('capture.state', {}, progressEveryMilliseconds);
  return (
    <Card title={say('capture.title')}>
      <p>{say('capture.text')}</p>
      {value?.state === 'running' ? (
        <Running capture={value} reload={reload} />
      ) : (
        <>
          {value?.state === 'ended' && <Ended capture={value} />}
          <CaptureForm begun={reload} />
        </>
      )}
    </Card>
  );
}

function CaptureForm({ begun }: { readonly begun: () => void }) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const [side, setSide] = useState<'adapter' | 'wire'>('adapter');
  const [text, setText] = useState('30');
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  const valid = seconds >= 1 && seconds <= longestSeconds;
  return (
    <form
      className="form"
      onSubmit={async (event) => {
        event.preventDefault();
        if (valid && (await run('begin', 'capture.begin', { side, seconds }))?.begun === true) begun();
      }}
    >
      <Choice
        label={say('capture.side')}
        value={side}
        choices={(['adapter', 'wire'] as const).map((each) => ({
          value: each,
          label: say(`capture.side-${each}`),
          hint: say(`capture.side-${each}-hint`),
        }))}
        onChoice={setSide}
      />
      <TextField
        label={say('capture.seconds')}
        inputMode="numeric"
        value={text}
        problem={valid ? undefined : say('capture.seconds-problem', { most: longestSeconds })}
        onText={setText}
      />
      <div className="actions">
        <Button kind="primary" type="submit" disabled={!valid} busy={busy === 'begin'}>
          {say('capture.begin')}
        </Button>
      </div>
    </form>
  );
}

function Running({
  capture,
  reload,
}: {
  readonly capture: Extract<CaptureState, { state: 'running' }>;
  readonly reload: () => void;
}) {
  const { say, duration } = useWords();
  const { busy, run } = useActions();
  const now = useNow();
  const { startedAt, endsAt, side, path, bytes, packets } = capture;
  const passed = Math.min(1, Math.max(0, (now - startedAt) / (endsAt - startedAt)));
  return (
    <>
      <Bar label={say('capture.running')} text={duration(Math.max(0, endsAt - now))} fraction={passed} />
      <Facts
        facts={[
          { name: say('capture.side'), value: say(`capture.side-${side}`) },
          { name: say('capture.packets'), value: <Count value={packets} /> },
          { name: say('capture.size'), value: <Bytes value={bytes} /> },
          { name: say('capture.file'), value: path, wide: true },
        ]}
      />
      <div className="actions">
        <Button
          kind="primary"
          busy={busy === 'end'}
          onClick={async () => {
            await run('end', 'capture.end', {});
            reload();
          }}
        >
          {say('capture.end')}
        </Button>
      </div>
    </>
  );
}

function Ended({ capture }: { readonly capture: Extract<CaptureState, { state: 'ended' }> }) {
  const { say, language } = useWords();
  const { path, packets, droppedPackets, detail } = capture;
  const parts = [
    say('capture.ended-text', { packets: packets.toLocaleString(language), path }),
    ...(droppedPackets > 0
      ? [say('capture.dropped', { packets: droppedPackets.toLocaleString(language) })]
      : []),
    ...(detail === undefined ? [] : [detail]),
  ];
  return (
    <Notice
      tone={detail === undefined ? 'good' : 'warning'}
      title={say('capture.ended')}
      text={parts.join(' ')}
      role="status"
    />
  );
}
