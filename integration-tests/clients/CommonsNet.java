// Apache Commons Net for Java. It resumes no TLS session, and needs the size of an upload from nobody.
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.net.ftp.FTP;
import org.apache.commons.net.ftp.FTPClient;
import org.apache.commons.net.ftp.FTPFile;
import org.apache.commons.net.ftp.FTPSClient;
import org.apache.commons.net.util.TrustManagerUtils;

public class CommonsNet {
    static FTPClient ftp;

    static void ok(String what, boolean done) {
        if (!done) throw new IllegalStateException(what + ": " + ftp.getReplyString());
    }

    public static void main(String[] steps) throws Exception {
        String kind = System.getenv("FTP_TLS");
        if (kind.equals("clear")) {
            ftp = new FTPClient();
        } else {
            FTPSClient secure = new FTPSClient(kind.equals("implicit"));
            secure.setTrustManager(TrustManagerUtils.getAcceptAllTrustManager());
            secure.setEnabledProtocols(new String[] {"TLSv" + System.getenv("FTP_TLS_VERSION")});
            ftp = secure;
        }
        ftp.setControlEncoding("UTF-8");
        ftp.setDefaultTimeout(60000);
        ftp.connect(System.getenv("FTP_HOST"), Integer.parseInt(System.getenv("FTP_PORT")));
        ok("login", ftp.login(System.getenv("FTP_LOGIN"), System.getenv("FTP_PASSWORD")));
        if (ftp instanceof FTPSClient secure) {
            secure.execPBSZ(0);
            secure.execPROT("P");
        }
        if (System.getenv("FTP_MODE").equals("passive")) ftp.enterLocalPassiveMode();
        ok("TYPE", ftp.setFileType(FTP.BINARY_FILE_TYPE));
        for (String step : steps) {
            System.out.println(step);
            take(step);
        }
        ftp.logout();
        ftp.disconnect();
    }

    static void get(String remote, String local, long from) throws Exception {
        ftp.setRestartOffset(from);
        try (OutputStream file = new FileOutputStream(local, from > 0)) {
            ok(remote, ftp.retrieveFile(remote, file));
        }
    }

    static void take(String step) throws Exception {
        switch (step) {
            case "list" -> {
                List<String> names = new ArrayList<>(List.of(ftp.listNames("d")));
                for (FTPFile file : ftp.listFiles("d")) names.add(file.getName());
                for (FTPFile file : ftp.mlistDir("d")) names.add(file.getName());
                Files.write(Path.of("listing"), names);
            }
            case "download" -> get("d/a.bin", "whole", 0);
            case "resume-download" -> get("d/a.bin", "part", 70000);
            case "upload" -> {
                try (InputStream file = new FileInputStream("content")) {
                    ok("STOR", ftp.storeFile("up.bin", file));
                }
            }
            case "resume-upload" -> {
                try (InputStream file = new FileInputStream("content")) {
                    file.skipNBytes(70000);
                    ftp.setRestartOffset(70000);
                    ok("STOR", ftp.storeFile("half.bin", file));
                }
            }
            case "rename" -> ok("RNTO", ftp.rename("old.bin", "new.bin"));
            case "delete" -> ok("DELE", ftp.deleteFile("gone.bin"));
            case "abort" -> {
                InputStream data = ftp.retrieveFileStream("big.bin");
                if (data.read() < 0) throw new IllegalStateException("nothing came");
                ftp.abort(); // it reads 426, and leaves 226
                data.close();
                ok("ABOR", ftp.completePendingCommand());
                get("d/a.bin", "after", 0);
            }
            default -> throw new IllegalArgumentException(step);
        }
    }
}
