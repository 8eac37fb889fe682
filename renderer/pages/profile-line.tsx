// One profile of the list, with what can be done with it.
import { useState } from 'react';
import type { ProfileSummary } from '../../main/control/values.ts';
import { Badge } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Confirmation } from '../components/dialog.tsx';
import { freeName } from '../logic/profile-form.ts';
import { useActions } from '../state/actions.ts';
import { useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { StateBadge } from './connection-state.tsx';
import { ProfileExport } from './profile-export.tsx';

interface LineProperties {
  readonly profile: ProfileSummary;
  readonly onEdit: () => void;
}

export function ProfileLine({ profile, onEdit }: LineProperties) {
  const { say, fileProblem } = useWords();
  const { busy, run } = useActions();
  const { service } = useWindowState();
  const [removing, setRemoving] = useState(false);
  const { name } = profile;
  const [exported, setExported] = useState<string>();
  const inUse = profile.state !== 'disconnected';

  const duplicate = async () => {
    const shown = await run('duplicate', 'profiles.show', { profile: name });
    if (shown === undefined || service.service !== 'present') return;
    const copy = freeName(
      name,
      service.profiles.map((each) => each.name),
    );
    await run(
      'duplicate',
      'profiles.save',
      { profile: copy, text: shown.text, replace: false },
      say('profiles.duplicated', { name: copy }),
    );
  };
  const exportText = async () => {
    const shown = await run('export', 'profiles.show', { profile: name });
    if (shown !== undefined) setExported(shown.text);
  };
  const remove = async () => {
    setRemoving(false);
    await run('remove', 'profiles.remove', { profile: name }, say('profiles.removed', { name }));
  };

  return (
    <Card>
      <div className="profile">
        <div>
          <div className="profile-name">
            <h2>{name}</h2>
            {profile.problem === undefined ? (
              <StateBadge state={profile.state} />
            ) : (
              <Badge tone="warning">{say('state.invalid')}</Badge>
            )}
          </div>
          <p className="hint">
            {profile.role === 'gateway' ? say('profiles.gateway') : profile.gateway}
            {' · '}
            {say(`profiles.method.${profile.authentication}`)}
          </p>
          {profile.problem !== undefined && <p className="problem">{fileProblem(profile.problem)}</p>}
        </div>
        {/* biome-ignore lint/a11y/useSemanticElements: buttons of one profile, no form */}
        <div className="actions" role="group" aria-label={say('profiles.actions', { name })}>
          <Button onClick={onEdit}>{say('profiles.edit')}</Button>
          <Button busy={busy === 'duplicate'} onClick={() => void duplicate()}>
            {say('profiles.duplicate')}
          </Button>
          <Button busy={busy === 'export'} onClick={() => void exportText()}>
            {say('profiles.export')}
          </Button>
          <Button
            kind="danger"
            disabled={inUse}
            title={inUse ? say('profiles.in-use') : undefined}
            onClick={() => setRemoving(true)}
          >
            {say('profiles.remove')}
          </Button>
        </div>
      </div>
      {exported !== undefined && (
        <ProfileExport name={name} text={exported} onClose={() => setExported(undefined)} />
      )}
      {removing && (
        <Confirmation
          title={say('profiles.remove-title', { name })}
          text={say('profiles.remove-text')}
          action={say('profiles.remove')}
          onConfirm={() => void remove()}
          onClose={() => setRemoving(false)}
        />
      )}
    </Card>
  );
}
