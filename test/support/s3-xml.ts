export interface XmlNode {
  readonly [name: string]: string | XmlNode | readonly XmlNode[];
}

/** A reply of S3: elements by name, one for each item of a list. */
export function s3Xml(root: string, node: XmlNode): string {
  return `<?xml version="1.0" encoding="UTF-8"?>${element(root, node)}`;
}

function element(name: string, content: string | XmlNode): string {
  return `<${name}>${typeof content === 'string' ? escape(content) : childrenOf(content)}</${name}>`;
}

function childrenOf(node: XmlNode): string {
  return Object.entries(node)
    .flatMap(([name, content]) => (isList(content) ? content : [content]).map((item) => element(name, item)))
    .join('');
}

function isList(content: XmlNode[string]): content is readonly XmlNode[] {
  return Array.isArray(content);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
