/** Namespaces that XML itself and its schemas own, and the two spellings of a name. */

/** Namespaces in XML 1.0 §2.1, §3 */
export const xmlNamespace = "http://www.w3.org/XML/1998/namespace";
export const xmlnsNamespace = "http://www.w3.org/2000/xmlns/";
/** `xsi:type` and `xsi:nil`. XML Schema 1.1 Part 1 §2.7 */
export const schemaInstance = "http://www.w3.org/2001/XMLSchema-instance";

/** A name in a namespace; "" stands for none. */
export interface XmlName {
  readonly namespace: string;
  /** Without a prefix. */
  readonly name: string;
}

export interface XmlAttribute extends XmlName {
  readonly value: string;
}

/** `{namespace}name`, for messages and as a key. */
export function keyOf({ namespace, name }: XmlName): string {
  return namespace === "" ? name : `{${namespace}}${name}`;
}
