/** A picture of a product, drawn from its SKU: products have no photographs. */

import type { ReactNode } from "react";

const TONES = 6;

/** Forms in a square of 8 by 8. */
const FORMS: readonly ReactNode[] = [
  <path key="arch" d="M1.5 7V4a2.5 2.5 0 0 1 5 0v3z" />,
  <circle key="circle" cx="4" cy="4" r="2.6" />,
  <path key="leaf" d="M1.4 1.4H4a2.6 2.6 0 0 1 2.6 2.6v2.6H4A2.6 2.6 0 0 1 1.4 4z" />,
  <path key="bowl" d="M1 3.2h6A3 3 0 0 1 1 3.2z" />,
  <path key="half" d="M4 1.2a2.8 2.8 0 0 1 0 5.6z" />,
  <path key="drop" d="M4 .9c1.8 2 2.5 3 2.5 3.9a2.5 2.5 0 0 1-5 0C1.500 3.900 2.200 2.900 4 .9z" />,
];

/** Shows a product's picture, which says nothing that its name does not. */
export function Picture({ sku }: { sku: string }): ReactNode {
  const number = hash(sku);
  return (
    <svg className={`picture tone${number % TONES}`} viewBox="0 0 16 12" aria-hidden="true" focusable="false">
      {[0, 1].map((place) => {
        const bits = number >>> (5 * place + 4);
        const turn = 90 * ((bits >>> 3) % 4);
        return (
          <g key={place} className={`form${place}`} transform={`translate(${2.4 + 3.4 * place} ${2.6 - 0.9 * place})`}>
            <g transform={`rotate(${place === 0 ? 0 : turn} 4 4)`}>{FORMS[bits % FORMS.length]}</g>
          </g>
        );
      })}
    </svg>
  );
}

/** Returns a number that looks random, and is the same for the same text (FNV-1a). */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return (value ^ (value >>> 15)) >>> 0;
}
