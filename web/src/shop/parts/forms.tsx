/** Parts of forms: fields with their problems, quantities, and questions. */

import {
  type ComponentProps,
  type InputHTMLAttributes,
  type ReactNode,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { MAX_QUANTITY } from "../../generated/limits";
import { detailsOf } from "../errors";

/** The detail of a problem, at the field that it is about. */
export function FieldProblem({ id, children }: { id: string; children: string | undefined }): ReactNode {
  return (
    <p className="problem" id={id}>
      {children}
    </p>
  );
}

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly problem: string | undefined;
  /** Renders the control with the attributes that tie it to its label, hint and problem. */
  readonly children: (control: ControlProps) => ReactNode;
}

interface ControlProps {
  readonly id: string;
  readonly "aria-invalid": boolean;
  readonly "aria-describedby": string | undefined;
}

/** A labelled control of a form. */
export function Field({ label, hint, problem, children }: FieldProps): ReactNode {
  const id = useId();
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-invalid": problem !== undefined, "aria-describedby": described || undefined })}
      {hint !== undefined && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {problem !== undefined && <FieldProblem id={`${id}-problem`}>{problem}</FieldProblem>}
    </div>
  );
}

/** A labelled line of text. */
export function TextField({
  label,
  problem,
  hint,
  ...input
}: Pick<FieldProps, "label" | "problem" | "hint"> & InputHTMLAttributes<HTMLInputElement>): ReactNode {
  return (
    <Field label={label} problem={problem} {...(hint !== undefined && { hint })}>
      {(control) => <input type="text" {...input} {...control} />}
    </Field>
  );
}

/** Why a request failed, as far as the form says it at none of its fields. */
export function FormProblem({ problem, fields }: { problem: Error | null; fields: readonly string[] }): ReactNode {
  const details = problem === null ? [] : detailsOf(problem, fields);
  if (details.length === 0) return null;
  return (
    <div className="notice bad" role="alert">
      {details.map((detail) => (
        <p key={detail}>{detail}</p>
      ))}
    </div>
  );
}

interface ButtonProps extends ComponentProps<"button"> {
  /** Whether it does nothing now. */
  readonly inactive: boolean;
}

/** A button that keeps the focus while it does nothing. A disabled one would lose it, and the keyboard its place. */
export function Button({ inactive, onClick, ...button }: ButtonProps): ReactNode {
  return (
    <button
      {...button}
      aria-disabled={inactive || undefined}
      onClick={(event) => {
        if (inactive) event.preventDefault();
        else onClick?.(event);
      }}
    />
  );
}

/** A number of units with buttons for one more and one less. */
export function Quantity(props: { of: string; value: number; onChange: (quantity: number) => void }): ReactNode {
  const { of: name, value, onChange } = props;
  // While it is being typed, the text may be no number.
  const [text, setText] = useState<string | null>(null);
  const step = (change: number) => () => {
    onChange(value + change);
  };
  return (
    <div className="quantity" role="group" aria-label={`Quantity of ${name}`}>
      <Button type="button" aria-label={`One ${name} less`} inactive={value <= 1} onClick={step(-1)}>
        −
      </Button>
      <input
        type="number"
        inputMode="numeric"
        aria-label={`Quantity of ${name}`}
        min={1}
        max={MAX_QUANTITY}
        value={text ?? value}
        onChange={({ target }) => {
          setText(target.value);
          const quantity = Number(target.value);
          if (Number.isInteger(quantity) && quantity >= 1) onChange(Math.min(MAX_QUANTITY, quantity));
        }}
        onBlur={() => {
          setText(null);
        }}
      />
      <Button type="button" aria-label={`One ${name} more`} inactive={value >= MAX_QUANTITY} onClick={step(1)}>
        +
      </Button>
    </div>
  );
}

interface QuestionProps {
  readonly title: string;
  readonly children: ReactNode;
  /** The name of the button that does it. */
  readonly yes: string;
  readonly no: string;
  readonly busy: boolean;
  readonly problem: Error | null;
  readonly onYes: () => void;
  readonly onNo: () => void;
}

/** A question that must be answered before something is done that cannot be undone. */
export function Question({ title, children, yes, no, busy, problem, onYes, onNo }: QuestionProps): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // It is closed before it is removed. So the focus returns to the button that asked.
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => {
      shown?.close();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      // Left to the browser, it would close before `close` is reported, and a question asked between the two be lost.
      onCancel={(event) => {
        event.preventDefault();
        onNo();
      }}
      onClose={onNo}
    >
      <h2 id={id}>{title}</h2>
      {children}
      <FormProblem problem={problem} fields={[]} />
      <div className="buttons">
        <button onClick={onNo}>{no}</button>
        <Button className="danger" inactive={busy} onClick={onYes}>
          {yes}
        </Button>
      </div>
    </dialog>
  );
}
