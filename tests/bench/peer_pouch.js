// A peer that the link is measured against: PouchDB replicating to express-pouchdb over HTTP on loopback, both with LevelDB, a document a record.
//
//   node peer_pouch.js DIR < documents          a JSON object a line, as `link_stage json` prints them
//
// Run where `npm install pouchdb express-pouchdb express` was. Prints the seconds that the replication took; loading the sender is not timed.
'use strict';
const {fork} = require('child_process');
const {createRequire} = require('module');
const path = require('path');
const readline = require('readline');

const installed = createRequire(path.join(process.cwd(), 'package.json'));
const BATCH = 1000;  // kinder to it than its own 100

function serve(dir) {
    const PouchDB = installed('pouchdb').defaults({prefix: path.join(dir, 'receiver-')});
    const app = installed('express')();
    app.use('/', installed('express-pouchdb')(PouchDB, {mode: 'minimumForPouchDB', inMemoryConfig: true, logPath: path.join(dir, 'log.txt')}));
    const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

async function load(db) {
    let docs = [];
    for await (const line of readline.createInterface({input: process.stdin})) {
        docs.push(JSON.parse(line));
        if (docs.length === BATCH) {
            await db.bulkDocs(docs);
            docs = [];
        }
    }
    await db.bulkDocs(docs);
    return (await db.info()).doc_count;
}

async function send(dir, port) {
    const PouchDB = installed('pouchdb');
    const db = new PouchDB(path.join(dir, 'sender'));
    const count = await load(db);
    const began = process.hrtime.bigint();
    const result = await db.replicate.to(`http://127.0.0.1:${port}/figures`, {batch_size: BATCH});
    const took = Number(process.hrtime.bigint() - began) / 1e9;
    if (!result.ok || result.docs_written !== count) {
        throw new Error(`replication: ${JSON.stringify(result)}`);
    }
    console.log(took.toFixed(6));
}

const dir = process.argv[2];
if (process.argv[3] === 'serve') {
    serve(dir);
} else {
    const server = fork(__filename, [dir, 'serve'], {stdio: ['ignore', 'ignore', 'inherit', 'ipc']});
    server.once('message', (port) => {
        send(dir, port).then(() => 0, (error) => {
            console.error(error);
            return 1;
        }).then((status) => {
            server.kill();
            process.exitCode = status;
        });
    });
}
