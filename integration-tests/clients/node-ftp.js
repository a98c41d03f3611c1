// The package `ftp` for Node.js. It has no active mode.
const fs = require('fs');
const { promisify } = require('util');
const { pipeline } = require('stream/promises');
const Client = require('ftp');
const env = process.env;

async function main() {
    const ftp = new Client();
    const version = { '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' }[env.FTP_TLS_VERSION];
    await new Promise((done, failed) => {
        ftp.once('ready', done);
        ftp.once('error', failed);
        ftp.connect({
            host: env.FTP_HOST,
            port: Number(env.FTP_PORT),
            user: env.FTP_LOGIN,
            password: env.FTP_PASSWORD,
            secure: { clear: false, explicit: true, implicit: 'implicit' }[env.FTP_TLS],
            secureOptions: { rejectUnauthorized: false, minVersion: version, maxVersion: version },
        });
    });
    const call = (name, ...args) => promisify(ftp[name].bind(ftp))(...args);
    const get = async (path, local, flags) => pipeline(await call('get', path), fs.createWriteStream(local, { flags }));
    const steps = {
        'list': async () => fs.writeFileSync('listing', (await call('list', 'd')).map((one) => one.name).join('\n')),
        'download': () => get('d/a.bin', 'whole', 'w'),
        'resume-download': async () => {
            await call('restart', 70000);
            await get('d/a.bin', 'part', 'a');
        },
        'upload': () => call('put', 'content', 'up.bin'),
        'resume-upload': () => call('append', fs.readFileSync('content').subarray(70000), 'half.bin'),
        'rename': () => call('rename', 'old.bin', 'new.bin'),
        'delete': () => call('delete', 'gone.bin'),
        'abort': async () => {
            const data = await call('get', 'big.bin');
            await new Promise((done) => data.once('data', () => done(data.pause())));
            data.on('error', () => {});
            data.destroy();
            await get('d/a.bin', 'after', 'w');
        },
    };
    for (const step of process.argv.slice(2)) {
        console.log(step);
        await steps[step]();
    }
    ftp.end();
}

main().catch((error) => { console.error(error); process.exit(1); });
