// basic-ftp for Node.js. It has no active mode.
const fs = require('fs');
const { Writable } = require('stream');
const { Client } = require('basic-ftp');
const env = process.env;

async function main() {
    const ftp = new Client(60000);
    const version = { '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' }[env.FTP_TLS_VERSION];
    await ftp.access({
        host: env.FTP_HOST,
        port: Number(env.FTP_PORT),
        user: env.FTP_LOGIN,
        password: env.FTP_PASSWORD,
        secure: { clear: false, explicit: true, implicit: 'implicit' }[env.FTP_TLS],
        secureOptions: { rejectUnauthorized: false, minVersion: version, maxVersion: version },
    });
    const steps = {
        'list': async () => fs.writeFileSync('listing', (await ftp.list('d')).map((one) => one.name).join('\n')),
        'download': () => ftp.downloadTo('whole', 'd/a.bin'),
        'resume-download': () => ftp.downloadTo('part', 'd/a.bin', 70000),
        'upload': () => ftp.uploadFrom('content', 'up.bin'),
        'resume-upload': () => ftp.appendFrom('content', 'half.bin', { localStart: 70000 }),
        'rename': () => ftp.rename('old.bin', 'new.bin'),
        'delete': () => ftp.remove('gone.bin'),
        // A stream that fails is the only way to stop a download; the session ends with it.
        'abort': async () => {
            const stop = new Writable({ write: (some, encoding, done) => done(new Error('enough')) });
            await ftp.downloadTo(stop, 'big.bin').then(() => { throw new Error('not stopped'); }, () => {});
            if (ftp.closed) await again(ftp);
            await ftp.downloadTo('after', 'd/a.bin');
        },
    };
    const again = (ftp) => ftp.access({
        host: env.FTP_HOST,
        port: Number(env.FTP_PORT),
        user: env.FTP_LOGIN,
        password: env.FTP_PASSWORD,
        secure: { clear: false, explicit: true, implicit: 'implicit' }[env.FTP_TLS],
        secureOptions: { rejectUnauthorized: false, minVersion: version, maxVersion: version },
    });
    for (const step of process.argv.slice(2)) {
        console.log(step);
        await steps[step]();
    }
    ftp.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
