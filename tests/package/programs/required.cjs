const reader = require("mayuse");
const documents = require("mayuse/document");
const { asked } = require("./asked.js");

asked(reader, documents).then((answer) => console.log(JSON.stringify(answer)));
