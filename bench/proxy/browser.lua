-- Requests as a browser sends them: 16 header fields and three query arguments. 64 different ones, so that no
-- processor can learn a single one by heart. The figures leave on one line at the end.
local requests = {}
local turn = 0

function init()
  local headers = {
    ["Connection"] = "keep-alive",
    ["Cache-Control"] = "max-age=0",
    ["sec-ch-ua"] = '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
    ["sec-ch-ua-mobile"] = "?0",
    ["sec-ch-ua-platform"] = '"Linux"',
    ["Upgrade-Insecure-Requests"] = "1",
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    ["Sec-Fetch-Site"] = "same-origin",
    ["Sec-Fetch-Mode"] = "navigate",
    ["Sec-Fetch-Dest"] = "document",
    ["Referer"] = "https://app.example.com/games/recent?page=1",
    ["Accept-Encoding"] = "gzip, deflate, br",
    ["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8",
    ["Cookie"] = "session=5f0d6c9b2a7e41d8b3c6; theme=dark; consent=necessary",
  }
  for index = 1, 64 do
    -- wrk adds Host, the sixteenth.
    requests[index] = wrk.format("GET", string.format("/games/recent?page=%d&sort=score&q=team+%d", index, index * 7), headers)
  end
end

function request()
  turn = turn % 64 + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "figures requests=%d duration_us=%d p50_us=%d p99_us=%d errors=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
