-- LuaSocket's ftp: passive and in clear, a session for each request.
local ftp = require "socket.ftp"
local ltn12 = require "ltn12"
ftp.TIMEOUT = 60

local function request(path, more)
    local request = {
        host = os.getenv "FTP_HOST", port = os.getenv "FTP_PORT", type = "i",
        user = os.getenv "FTP_LOGIN", password = os.getenv "FTP_PASSWORD", path = path,
    }
    for key, value in pairs(more) do request[key] = value end
    return request
end

local function content()
    local file = assert(io.open("content", "rb"))
    local all = file:read "a"
    file:close()
    return all
end

local steps = {
    ["list"] = function()
        assert(ftp.get(request("d", { command = "nlst", sink = ltn12.sink.file(io.open("listing", "wb")) })))
    end,
    ["download"] = function()
        assert(ftp.get(request("d/a.bin", { sink = ltn12.sink.file(io.open("whole", "wb")) })))
    end,
    ["upload"] = function()
        assert(ftp.put(request("up.bin", { source = ltn12.source.string(content()) })))
    end,
    ["resume-upload"] = function()
        local rest = ltn12.source.string(content():sub(70001))
        assert(ftp.put(request("half.bin", { command = "appe", source = rest })))
    end,
    ["rename"] = function()
        assert(ftp.command(request(nil, {
            command = { "rnfr", "rnto" }, argument = { "old.bin", "new.bin" }, check = { 350, 250 },
        })))
    end,
    ["delete"] = function()
        assert(ftp.command(request(nil, { command = "dele", argument = "gone.bin", check = 250 })))
    end,
}
for _, step in ipairs(arg) do
    print(step)
    steps[step]()
end
