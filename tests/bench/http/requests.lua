-- Asks one target after the other, one a line in the file TARGETS, with the key KEY if there is one.
-- Written out in init: wrk knows the host only then.
local requests, at = {}, 0

function init()
  local key = os.getenv("KEY")
  local headers = { Host = wrk.headers["Host"] }
  if key and key ~= "" then headers["x-api-key"] = key end
  for target in io.lines(os.getenv("TARGETS")) do
    requests[#requests + 1] = wrk.format("GET", target, headers)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
