// Chooses a file. The browser's own control speaks the system's language, not ours.
import { useId } from 'react';
import { useWords } from '../state/words.ts';

interface FileFieldProperties {
  readonly label: string;
  /** Endings, ".pem,.crt". */
  readonly accepted: string;
  readonly file: File | undefined;
  readonly problem?: string | undefined;
  readonly onFile: (file: File | undefined) => void;
}

export function FileField({ label, accepted, file, problem, onFile }: FileFieldProperties) {
  const { say } = useWords();
  const id = useId();
  return (
    <div className="field">
      <span className="field-name" id={id}>
        {label}
      </span>
      <label className="button file-button">
        <input
          type="file"
          className="visually-hidden"
          aria-labelledby={id}
          aria-describedby={problem === undefined ? undefined : `${id}-problem`}
          accept={accepted}
          onChange={(event) => onFile(event.target.files?.[0])}
        />
        {file === undefined ? say('certificate.choose-file') : file.name}
      </label>
      {problem !== undefined && (
        <p className="problem" id={`${id}-problem`} role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
