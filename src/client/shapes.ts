/** Types that follow from the shape of a session: which keys there are, and what they hold. */

/** The keys that a shape names. */
export type KeyOf<Shape extends object> = keyof Shape & string;

/** The keys that may hold a number. */
export type NumberKeyOf<Shape extends object> = {
  [Key in KeyOf<Shape>]: Extract<Shape[Key], number | bigint> extends never
    ? unknown extends Shape[Key]
      ? Key
      : never
    : Key;
}[KeyOf<Shape>];

/** What is read: any key may be absent. */
export type Found<Shape extends object, Key extends KeyOf<Shape>> = {
  readonly [Name in Key]?: Shape[Name];
};

/** Keys and values to store. A key whose value is undefined is left out. */
export type Stored<Shape extends object> = { readonly [Name in keyof Shape]?: Shape[Name] };

/** What find() gives, by what was asked for. */
export interface FindResults<Shape extends object> {
  /** The keys in whose value something was found. */
  readonly keys: readonly KeyOf<Shape>[];
  /** Normalized JSONPaths of what was found, each within its value. */
  readonly paths: readonly string[];
  /** The keys in whose value something was found, with the values. */
  readonly kv: Found<Shape, KeyOf<Shape>>;
}
