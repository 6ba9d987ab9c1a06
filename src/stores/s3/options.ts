/** Where in an object its ciphertext lies. */
export type S3CiphertextPlace =
  /** The whole body. */
  | { readonly kind: 'body' }
  /**
   * The user metadata field `x-amz-meta-<name>`: a wrapped data key, for a body that is encrypted under it.
   */
  | { readonly kind: 'metadata'; readonly name: string };

export interface S3StoreOptions {
  /** URL of an S3-compatible server, addressed path-style; null = AWS in `region`. */
  readonly endpoint: string | null;
  readonly region: string;
  readonly bucket: string;
  /** Only objects whose key begins with it are records; `''` = all. */
  readonly prefix: string;
  /** Only objects whose key ends with it are records; `''` = all. */
  readonly suffix: string;
  readonly ciphertext: S3CiphertextPlace;
  /** Names that AAD templates use: `key`, or `metadata.<name>` with the name in lower case. */
  readonly fields: readonly string[];
  /** Nothing will be written: the proof of compare-and-swap is left out, and `replace` refuses. */
  readonly readOnly: boolean;
  /** Objects in work at a time, over all calls of the store. */
  readonly concurrency: number;
  /** PEM certificates that are trusted besides the public roots. */
  readonly caPem?: string;
  /**
   * How long a request may take until its reply begins, and how long a body may stand still; 30 s by default.
   */
  readonly timeoutMs?: number;
}
