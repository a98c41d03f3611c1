// promise-ftp for Node.js. It has no active mode.
const fs = require('fs');
const { pipeline } = require('stream/promises');
const Client = require('promise-ftp');
const env = process.env;

async function main() {
    const ftp = new Client();
    const version = { '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' }[env.FTP_TLS_VERSION];
    await ftp.connect({
        host: env.FTP_HOST,
        port: Number(env.FTP_PORT),
        user: env.FTP_LOGIN,
        password: env.FTP_PASSWORD,
        secure: { clear: false, explicit: true, implicit: 'implicit' }[env.FTP_TLS],
        secureOptions: { rejectUnauthorized: false, minVersion: version, maxVersion: version },
    });
    const get = async (path, local, flags) => pipeline(await ftp.get(path), fs.createWriteStream(local, { flags }));
    const steps = {
        'list': async () => fs.writeFileSync('listing', (await ftp.list('d')).map((one) => one.name).join('\n')),
        'download': () => get('d/a.bin', 'whole', 'w'),
        'resume-download': async () => {
            await ftp.restart(70000);
            await get('d/a.bin', 'part', 'a');
        },
        'upload': () => ftp.put('content', 'up.bin'),
        'resume-upload': () => ftp.append(fs.readFileSync('content').subarray(70000), 'half.bin'),
        'rename': () => ftp.rename('old.bin', 'new.bin'),
        'delete': () => ftp.delete('gone.bin'),
    };
    for (const step of process.argv.slice(2)) {
        console.log(step);
        await steps[step]();
    }
    await ftp.end();
}

main().catch((error) => { console.error(error); process.exit(1); });
