// A mail server such as people write with npm's smtp-server: argv has what it is to be, as JSON, and the
// addresses and ports that it listens on.
"use strict";
const { SMTPServer } = require("smtp-server");

const how = JSON.parse(process.argv[2]);
const own = "example.org";

function domain(path) {
    return path.address.split("@").pop().toLowerCase();
}

function refusal(code, text) {
    const error = new Error(text);
    error.responseCode = code;
    return error;
}

const options = {
    name: how.name,
    banner: how.banner,
    authOptional: !how.auth,
    disabledCommands: how.auth ? ["STARTTLS"] : ["STARTTLS", "AUTH"],
    allowInsecureAuth: true,
    logger: true,
    onAuth(auth, session, done) {
        done(refusal(535, "no"));
    },
    onMailFrom(path, session, done) {
        const trusted = !how.senders || domain(path) === own;
        done(trusted ? null : refusal(how.senders.code, how.senders.text));
    },
    onRcptTo(path, session, done) {
        const known = !how.mailboxes || how.mailboxes.includes(path.address.split("@")[0]);
        const taken = !how.recipients || (domain(path) === own && known);
        done(taken ? null : refusal(how.recipients.code, how.recipients.text));
    },
    onData(stream, session, done) {
        stream.on("end", done).resume();
    },
};
for (const [address, port] of how.listen) {
    new SMTPServer(options).listen(port, address);
}
