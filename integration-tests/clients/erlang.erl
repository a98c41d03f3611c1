%% Erlang's ftp. It continues no download.
-module(script).
-export([main/1]).

main(Steps) ->
    {ok, _} = application:ensure_all_started(ftp),
    Env = fun(Name) -> os:getenv(Name) end,
    Options = [{port, list_to_integer(Env("FTP_PORT"))}, {mode, list_to_atom(Env("FTP_MODE"))}] ++ tls(Env("FTP_TLS"), Env),
    {ok, Ftp} = ftp:open(Env("FTP_HOST"), Options),
    ok = ftp:user(Ftp, Env("FTP_LOGIN"), Env("FTP_PASSWORD")),
    ok = ftp:type(Ftp, binary),
    lists:foreach(fun(Step) -> io:format("~s~n", [Step]), ok = take(Ftp, Step) end, Steps),
    ftp:close(Ftp).

tls("clear", _) ->
    [];
tls(Kind, Env) ->
    {ok, _} = application:ensure_all_started(ssl),
    Version = case Env("FTP_TLS_VERSION") of "1.2" -> 'tlsv1.2'; "1.3" -> 'tlsv1.3' end,
    Method = case Kind of "explicit" -> ftpes; "implicit" -> ftps end,
    [{tls, [{verify, verify_none}, {versions, [Version]}]}, {tls_sec_method, Method}, {tls_ctrl_session_reuse, Version =:= 'tlsv1.2'}].

take(Ftp, "list") ->
    {ok, Lines} = ftp:ls(Ftp, "d"),
    {ok, Names} = ftp:nlist(Ftp, "d"),
    file:write_file("listing", [Lines, Names]);
take(Ftp, "download") ->
    ftp:recv(Ftp, "d/a.bin", "whole");
take(Ftp, "upload") ->
    ftp:send(Ftp, "content", "up.bin");
take(Ftp, "resume-upload") ->
    {ok, <<_:70000/binary, Rest/binary>>} = file:read_file("content"),
    ftp:append_bin(Ftp, Rest, "half.bin");
take(Ftp, "rename") ->
    ftp:rename(Ftp, "old.bin", "new.bin");
take(Ftp, "delete") ->
    ftp:delete(Ftp, "gone.bin").
