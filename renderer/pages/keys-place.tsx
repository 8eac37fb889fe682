// Where a vault lies: in the service's folder, elsewhere on this computer, or on a medium that comes and goes.
import { useState } from 'react';
import type { VaultSummary } from '../../main/control/vault-values.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Choice, Switch } from '../components/field.tsx';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';

export interface ChosenPlace {
  readonly kind: 'service' | 'elsewhere' | 'medium';
  /** Chosen in the system's dialog. */
  readonly path: string | undefined;
}

export const servicePlace: ChosenPlace = { kind: 'service', path: undefined };

/** What the service is told of it; undefined: the file is not chosen yet. */
export function placeParameters({
  kind,
  path,
}: ChosenPlace): { readonly path?: string; readonly removable: boolean } | undefined {
  if (kind === 'service') return { removable: false };
  return path === undefined ? undefined : { path, removable: kind === 'medium' };
}

interface PlaceFieldsProperties {
  readonly place: ChosenPlace;
  readonly suggestedName: string;
  readonly problem: string | undefined;
  readonly onPlace: (place: ChosenPlace) => void;
}

export function PlaceFields({ place, suggestedName, problem, onPlace }: PlaceFieldsProperties) {
  const { say } = useWords();
  const kinds = ['service', 'elsewhere', 'medium'] as const;
  return (
    <>
      <Choice
        label={say('keys.where')}
        value={place.kind}
        choices={kinds.map((value) => ({
          value,
          label: say(`keys.where-${value}`),
          hint: say(`keys.where-${value}-hint`),
        }))}
        onChoice={(kind) => onPlace({ kind, path: undefined })}
      />
      {place.kind !== 'service' && (
        <FileChoice
          existing={false}
          suggestedName={suggestedName}
          path={place.path}
          problem={problem}
          onPath={(path) => onPlace({ ...place, path })}
        />
      )}
    </>
  );
}

interface FileChoiceProperties {
  readonly existing: boolean;
  readonly suggestedName: string;
  readonly path: string | undefined;
  readonly problem: string | undefined;
  readonly onPath: (path: string) => void;
}

function FileChoice({ existing, suggestedName, path, problem, onPath }: FileChoiceProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const choose = async () => {
    const answer = await run('choose', 'vault.choose-file', { suggestedName, existing });
    if (answer?.path !== undefined) onPath(answer.path);
  };
  return (
    <div className="field file-choice">
      <span className="field-name">{say('keys.file')}</span>
      <div className="actions">
        <Button busy={busy !== undefined} onClick={() => void choose()}>
          {say('keys.choose-file')}
        </Button>
        <span className="fixed">{path ?? ''}</span>
      </div>
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

/** A vault that was made elsewhere. */
export function EnrolDialog({ onClose }: { readonly onClose: () => void }) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const [path, setPath] = useState<string>();
  const [removable, setRemovable] = useState(true);
  const enrol = async () => {
    if (path === undefined) return;
    const result = await run('enrol', 'vault.enrol', { path, removable }, say('keys.enrolled'));
    if (result !== undefined) onClose();
  };
  return (
    <Dialog
      title={say('keys.enrol-title')}
      onClose={onClose}
      actions={
        <Button
          kind="primary"
          busy={busy !== undefined}
          disabled={path === undefined}
          onClick={() => void enrol()}
        >
          {say('keys.enrol-action')}
        </Button>
      }
    >
      <p>{say('keys.enrol-text')}</p>
      <FileChoice existing suggestedName="vault" path={path} problem={undefined} onPath={setPath} />
      <Switch
        label={say('keys.removable')}
        hint={say('keys.removable-hint')}
        checked={removable}
        onSwitch={setRemovable}
      />
    </Dialog>
  );
}

interface MoveProperties {
  readonly vault: VaultSummary;
  readonly onClose: () => void;
}

export function MoveDialog({ vault: { name }, onClose }: MoveProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const [place, setPlace] = useState<ChosenPlace>(servicePlace);
  const [tried, setTried] = useState(false);
  const given = placeParameters(place);
  const move = async () => {
    setTried(true);
    if (given === undefined) return;
    const result = await run('move', 'vault.move', { vault: name, ...given }, say('keys.moved', { name }));
    if (result !== undefined) onClose();
  };
  return (
    <Dialog
      title={say('keys.move-title', { name })}
      onClose={onClose}
      actions={
        <Button kind="primary" busy={busy !== undefined} onClick={() => void move()}>
          {say('keys.move-action')}
        </Button>
      }
    >
      <p>{say('keys.move-text')}</p>
      <PlaceFields
        place={place}
        suggestedName={`${name}.vault`}
        problem={tried && given === undefined ? say('keys.problem.file-needed') : undefined}
        onPlace={setPlace}
      />
    </Dialog>
  );
}
