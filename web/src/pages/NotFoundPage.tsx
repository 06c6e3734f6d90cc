import { Empty } from "../parts/Feedback";
import { Link } from "../parts/router";

export function NotFoundPage({ path }: { path: string }) {
    return (
        <div className="page">
            <h1 className="visually-hidden">Page not found</h1>
            <Empty icon="search" title="There is no such page" action={<Link to="/" className="button primary"><span>Go home</span></Link>}>
                Nothing is at <code>{path}</code>. It may have been deleted, or the address has a slip in it.
            </Empty>
        </div>
    );
}
