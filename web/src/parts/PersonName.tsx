/** A name, broken after its "@", ":" and "." where it does not fit, rather than anywhere. */
export function PersonName({ name }: { name: string }) {
    const pieces = name.split(/(?<=[@:.])/);
    return <>{pieces.map((piece, index) => <span key={index}>{index > 0 && <wbr />}{piece}</span>)}</>;
}
