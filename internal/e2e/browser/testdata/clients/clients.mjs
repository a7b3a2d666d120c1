// Clients that are not ours, called as their own pages show it. Each tells what
// it has understood in the same words: status, next, errors by field, and the
// error of the whole form.
import { createClient, isSubmissionError } from "@formspree/core";
import axios from "axios";

const formData = (fields) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
};

const answer = (status, { next = "", errors, error = "" }) => ({
  status,
  next,
  errors: Object.fromEntries((errors ?? []).map(({ field, message }) => [field, message])),
  form: errors ? "" : error,
});

const submission = (result) => {
  if (!isSubmissionError(result)) return { next: result.next };
  return {
    errors: Object.fromEntries(result.getAllFieldErrors().map(([field, [{ message }]]) => [field, message])),
    form: result.getFormErrors().map(({ message }) => message).join(),
  };
};

const failure = ({ response, message }) => (response ? answer(response.status, response.data) : { form: message });

export const fromNPM = {
  "@formspree/core": (relay, site, fields) => createClient().submitForm(site, fields, { endpoint: relay }).then(submission),
  "@formspree/core, a form": (relay, site, fields) => createClient().submitForm(site, formData(fields), { endpoint: relay }).then(submission),
  axios: (relay, site, fields) => axios.post(`${relay}/f/${site}`, fields).then(({ status, data }) => answer(status, data), failure),
  "axios, a form": (relay, site, fields) => axios.postForm(`${relay}/f/${site}`, fields).then(({ status, data }) => answer(status, data), failure),
};

export const inBrowsers = {
  ...fromNPM,
  fetch: (relay, site, fields) =>
    fetch(`${relay}/f/${site}`, { method: "POST", body: formData(fields) })
      .then(async (response) => answer(response.status, await response.json()))
      .catch(({ message }) => ({ form: message })),
  "fetch, urlencoded": (relay, site, fields) =>
    fetch(`${relay}/f/${site}`, { method: "POST", body: new URLSearchParams(fields) })
      .then(async (response) => answer(response.status, await response.json()))
      .catch(({ message }) => ({ form: message })),
  XMLHttpRequest: (relay, site, fields) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("POST", `${relay}/f/${site}`);
      request.setRequestHeader("Content-Type", "application/json");
      request.onload = () => resolve(answer(request.status, JSON.parse(request.responseText)));
      request.onerror = () => resolve({ form: "it failed" });
      request.send(JSON.stringify(fields));
    }),
  "jQuery's $.post": (relay, site, fields) =>
    new Promise((resolve) => {
      $.post(`${relay}/f/${site}`, fields)
        .done((data, _, { status }) => resolve(answer(status, data)))
        .fail(({ status, responseJSON }) => resolve(responseJSON ? answer(status, responseJSON) : { form: "it failed" }));
    }),
};
