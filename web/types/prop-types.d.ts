/** React's types name prop-types, which Debian does not pack; nothing here uses them. */
declare module "prop-types" {
    export interface Validator<T> { readonly _type?: T }
    export type ValidationMap<T> = { [K in keyof T]?: Validator<T[K]> };
    export type Requireable<T> = Validator<T | undefined | null>;
    export type ReactNodeLike = unknown;
    export type ReactElementLike = unknown;
    export type WeakValidationMap<T> = ValidationMap<T>;
    export type InferProps<T> = { [K in keyof T]: unknown };
}
