// npm dotenv's parse().   usage: node read.cjs MODULE fast|regular FILE...
const fs = require('fs')
const [path, mode, ...files] = process.argv.slice(2)
const { parse } = require(path)
for (const file of files) {
  const found = parse(fs.readFileSync(file, 'utf8'), mode === 'fast' ? { fast: true } : undefined)
  const coded = Object.entries(found).map(([name, value]) => [name, Buffer.from(value).toString('base64')])
  console.log(JSON.stringify(Object.fromEntries(coded)))
}
