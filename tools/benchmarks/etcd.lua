-- Every request puts a value of 0.6 KB under a key of its own, through etcd's JSON interface.
local number = 0
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("id", threads)
end

local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local out = {}
  for position = 1, #text, 3 do
    local a, b, c = text:byte(position, position + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    for index, shift in ipairs({262144, 4096, 64, 1}) do
      local digit = math.floor(bits / shift) % 64
      out[#out + 1] = (index == 3 and not b or index == 4 and not c) and "=" or letters:sub(digit + 1, digit + 1)
    end
  end
  return table.concat(out)
end

function init()
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  value = base64(string.rep("x", 600))
end

function request()
  number = number + 1
  return wrk.format(nil, nil, nil, string.format('{"key":"%s","value":"%s"}',
    base64(string.format("bench-%d-%09d", id, number)), value))
end

function done(summary, latency)
  print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.errors.status, summary.duration,
    latency:percentile(50), latency:percentile(99)))
end
