/** Text that is HTML: nothing in it is escaped again. */
export interface Html {
  readonly html: string;
}

type Inserted = string | number | Html | readonly Html[];

/** HTML in which every inserted text is escaped, for content and for quoted attributes. */
export function html(parts: TemplateStringsArray, ...inserted: readonly Inserted[]): Html {
  return { html: String.raw({ raw: parts }, ...inserted.map(toHtml)) };
}

function toHtml(value: Inserted): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escapeText(value);
  return 'html' in value ? value.html : value.map((each) => each.html).join('');
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control and format characters too: what a peer has said must not reorder what is read. */
function escapeText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').replaceAll(/[&<>"']/g, (each) => escapes[each] ?? '');
}
