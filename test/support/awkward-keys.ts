/** Keys that S3 allows and that a URL, a header, XML or a path may spoil. */
export const awkwardKeys: readonly string[] = [
  'with a space',
  ' leading and trailing ',
  'plus+and%25percent%',
  'query?and=this&that',
  'fragment#here',
  'trailing.dots...',
  'semi;colon:comma,equals=at@',
  `quotes"and'ticks\``,
  'brackets[](){}<>',
  'back\\slash|pipe^caret~tilde',
  'Ünïcödé/日本語/🔑',
  'e\u0301 and \u00e9',
  'star*bang!dollar$',
  'tab\there',
  'x'.repeat(200),
];

/** What only some servers allow, since they keep objects as files. */
export const awkwardPaths: readonly string[] = [
  'double//slash',
  'dots/../up',
  './here',
  '/leading',
  'x'.repeat(1000),
];
