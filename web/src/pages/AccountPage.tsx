/** One's own account: who one is, where one is signed in, and the tokens of one's programs. */

import { useSession } from "../parts/session";
import { PageHead } from "../parts/Shell";
import { SessionList } from "../parts/SessionList";
import { TokenList } from "../parts/TokenList";

export default function AccountPage() {
    const { me } = useSession();
    return (
        <div className="page narrow">
            <PageHead title="Account" lead={<>You are signed in as <strong>{me.user}</strong>{me.isAdmin && ", an administrator"}.</>} />
            <div className="stack">
                {me.groups.length > 0 && (
                    <section className="card" aria-labelledby="groups">
                        <header className="card-head"><h2 id="groups">Groups</h2></header>
                        <p className="card-none tags">{me.groups.map((group) => <span key={group} className="tag">{group}</span>)}</p>
                    </section>
                )}
                <SessionList />
                <TokenList />
            </div>
        </div>
    );
}
