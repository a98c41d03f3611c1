// The FTP client that is in Java itself, behind URLs. It is passive, and each file is a session of its own.
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.URLConnection;

public class UrlConnection {
    static URLConnection open(String path, char type) throws IOException {
        String login = System.getenv("FTP_LOGIN") + ":" + System.getenv("FTP_PASSWORD");
        String at = System.getenv("FTP_HOST") + ":" + System.getenv("FTP_PORT");
        return URI.create("ftp://" + login + "@" + at + "/" + path + ";type=" + type).toURL().openConnection();
    }

    static void get(String path, char type, String local) throws IOException {
        try (InputStream data = open(path, type).getInputStream(); OutputStream file = new FileOutputStream(local)) {
            data.transferTo(file);
        }
    }

    public static void main(String[] steps) throws IOException {
        for (String step : steps) {
            System.out.println(step);
            switch (step) {
                case "list" -> get("d/", 'd', "listing");
                case "download" -> get("d/a.bin", 'i', "whole");
                case "upload" -> {
                    try (InputStream file = new FileInputStream("content"); OutputStream data = open("up.bin", 'i').getOutputStream()) {
                        file.transferTo(data);
                    }
                }
                case "abort" -> {
                    InputStream data = open("big.bin", 'i').getInputStream();
                    if (data.read() < 0) throw new IllegalStateException("nothing came");
                    data.close();
                    get("d/a.bin", 'i', "after");
                }
                default -> throw new IllegalArgumentException(step);
            }
        }
    }
}
