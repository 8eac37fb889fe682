// The profiles: a list, and the ways to make one: by a form, from a file, as text.
import { type DragEvent, useEffect, useRef, useState } from 'react';
import type { Destination, Go } from '../app.tsx';
import { Button } from '../components/button.tsx';
import { Card, EmptyState } from '../components/card.tsx';
import { Icon } from '../components/icon.tsx';
import { useToasts } from '../components/toast.tsx';
import { useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { ProfileEditDialog } from './profile-edit-dialog.tsx';
import { ProfileFormDialog } from './profile-form-dialog.tsx';
import { ProfileImport } from './profile-import.tsx';
import { ProfileLine } from './profile-line.tsx';

const mostBytes = 1024 * 1024;

interface ProfilesProperties {
  readonly destination: Destination;
  readonly go: Go;
}

export function ProfilesPage({ destination, go }: ProfilesProperties) {
  const { say } = useWords();
  const toasts = useToasts();
  const { service } = useWindowState();
  const [creating, setCreating] = useState(destination.create === true);
  const [editing, edit] = useState<string | undefined>(destination.profile);
  const [file, setFile] = useState<{ readonly fileName: string; readonly text: string }>();
  const [dragging, setDragging] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (destination.importFile) picker.current?.click();
  }, [destination]);
  const profiles = service.service === 'present' ? service.profiles : [];

  const open = async (chosen: File | undefined) => {
    if (chosen === undefined) return;
    if (chosen.size > mostBytes) {
      const problem = { code: 'file-too-large', kibibytes: mostBytes / 1024 } as const;
      toasts.failed({ code: 'import-unsupported', problem: { problem } });
      return;
    }
    setFile({ fileName: chosen.name, text: await chosen.text() });
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setDragging(false);
    void open(event.dataTransfer.files[0]);
  };
  const importButton = <Button onClick={() => picker.current?.click()}>{say('profiles.import')}</Button>;
  const createButton = (
    <Button kind="primary" icon={<Icon name="add" />} onClick={() => setCreating(true)}>
      {say('profiles.create')}
    </Button>
  );

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: files may be dropped; the button beside does the same
    <div
      className={dragging ? 'page drop-target' : 'page'}
      onDragOver={(event) => {
        event.preventDefault();
        setDragging(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setDragging(false);
      }}
      onDrop={drop}
    >
      <header className="page-header">
        <h1>{say('navigation.profiles')}</h1>
        {profiles.length > 0 && (
          <div className="actions">
            {importButton}
            {createButton}
          </div>
        )}
      </header>
      <input
        ref={picker}
        type="file"
        hidden
        aria-label={say('profiles.import')}
        accept=".sswan,.toml,.conf"
        onChange={(event) => {
          void open(event.target.files?.[0]);
          event.target.value = '';
        }}
      />
      {profiles.length === 0 ? (
        <Card>
          <EmptyState title={say('connection.none.title')} text={say('connection.none.text')}>
            {createButton}
            {importButton}
          </EmptyState>
        </Card>
      ) : (
        profiles.map((profile) => (
          <ProfileLine key={profile.name} profile={profile} onEdit={() => edit(profile.name)} />
        ))
      )}
      <p className="hint">{say('profiles.drop')}</p>
      {creating && (
        <ProfileFormDialog
          taken={profiles.map(({ name }) => name)}
          onClose={() => setCreating(false)}
          onDone={(profile) => {
            setCreating(false);
            go({ page: 'connection', profile });
          }}
        />
      )}
      {editing !== undefined && <ProfileEditDialog profile={editing} onClose={() => edit(undefined)} />}
      {file !== undefined && (
        <ProfileImport fileName={file.fileName} text={file.text} onClose={() => setFile(undefined)} />
      )}
    </div>
  );
}
