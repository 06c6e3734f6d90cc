/** What we use of ansi_up 5: the parser, with its output step open so that no HTML string is ever made. */
declare module "ansi_up" {
    export interface Colour {
        rgb: [number, number, number];
        /** `ansi-red`, `ansi-bright-red`, or `truecolor` for the 256 and 24-bit palettes. */
        class_name: string;
    }
    export interface Fragment {
        text: string;
        bold: boolean;
        italic: boolean;
        underline: boolean;
        fg: Colour | null;
        bg: Colour | null;
    }
    export default class AnsiUp {
        use_classes: boolean;
        ansi_to_html(text: string): string;
        protected transform_to_html(fragment: Fragment): string;
        protected process_hyperlink(packet: { text: string; url: string }): string;
    }
}
