/** React's types name csstype, which Debian does not pack: style objects are checked for their values' types only. */
declare module "csstype" {
    export interface Properties<Length = string | number, Time = string> {
        [property: string]: Length | Time | number | string | undefined;
    }
}
